/* A WebAssembly module, decoded: what the binary says, in index spaces, before anything of it runs.
 *
 * Everything in the module points into one arena and into the bytes it was decoded from: those must
 * outlive it, and nothing is copied but what needs another shape. A decoded module has passed every
 * check that does not need function bodies (indices, limits, constant expressions, unique exports);
 * aod_wasm_validate (validate.h) checks the bodies.
 *
 * Decoded: the 2.0 core language (sign extension, saturating truncation, multi-value, bulk memory,
 * reference types, SIMD) with memory64 and extended constant expressions, one memory. */
#ifndef AOD_VM_MODULE_H
#define AOD_VM_MODULE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

/* Value types: the binary's own codes. */
enum {
  AOD_WASM_I32 = 0x7f,
  AOD_WASM_I64 = 0x7e,
  AOD_WASM_F32 = 0x7d,
  AOD_WASM_F64 = 0x7c,
  AOD_WASM_V128 = 0x7b,
  AOD_WASM_FUNCREF = 0x70,
  AOD_WASM_EXTERNREF = 0x6f,
};
typedef uint8_t aod_wasm_valtype_t;

typedef enum {
  AOD_WASM_FUNCTION,
  AOD_WASM_TABLE,
  AOD_WASM_MEMORY,
  AOD_WASM_GLOBAL,
} aod_wasm_kind_t;

/* A function type. Equal types have equal numbers, in every module; within one module different
 * types have different numbers. */
typedef struct {
  const aod_wasm_valtype_t *params, *results;
  uint32_t param_count, result_count;
  uint32_t number; /* what aod_wasm_ref_t and aod_wasm_code_t call the structural type */
} aod_wasm_type_t;

typedef struct {
  uint64_t min, max; /* pages or entries; max is the type's own bound when !has_max */
  bool has_max;
  bool is_64; /* memories only: addresses are i64 */
} aod_wasm_limits_t;

/* A constant expression in postfix order, already type-checked: at most
 * AOD_WASM_CONSTANT_DEPTH values are on the stack at any time and one remains. */
#define AOD_WASM_CONSTANT_DEPTH 32

typedef enum {
  AOD_CONSTANT_BITS, /* i32, i64, f32, f64 (zero-extended) or v128 */
  AOD_CONSTANT_GLOBAL,
  AOD_CONSTANT_NULL,
  AOD_CONSTANT_FUNCTION, /* ref.func */
  AOD_CONSTANT_ADD,
  AOD_CONSTANT_SUB,
  AOD_CONSTANT_MUL,
} aod_wasm_constant_op_t;

typedef struct {
  aod_wasm_constant_op_t op;
  aod_wasm_valtype_t type; /* of the value that it leaves */
  uint32_t index;          /* GLOBAL, FUNCTION */
  uint64_t bits[2];
} aod_wasm_constant_t;

typedef struct {
  const aod_wasm_constant_t *ops;
  uint32_t count;
} aod_wasm_expression_t;

/* What an expression evaluates to. A reference is null, a function of this module, or (from an
 * imported global) three slots as in abi.h. */
typedef struct {
  aod_wasm_valtype_t type;
  bool is_function;
  uint32_t function;
  uint64_t slots[3];
} aod_wasm_value_t;

typedef struct {
  aod_slice_t module, field;
  aod_wasm_kind_t kind;
  uint32_t index; /* in the index space of its kind */
} aod_wasm_import_entry_t;

typedef struct {
  aod_slice_t name;
  aod_wasm_kind_t kind;
  uint32_t index;
} aod_wasm_export_t;

typedef struct {
  uint32_t type;    /* index into types */
  aod_slice_t body; /* locals and code; empty for an imported function */
  aod_slice_t name; /* from the name section, not checked to be UTF-8; may be empty */
} aod_wasm_function_entry_t;

typedef struct {
  aod_wasm_valtype_t type; /* FUNCREF or EXTERNREF */
  aod_wasm_limits_t limits;
} aod_wasm_table_entry_t;

typedef struct {
  aod_wasm_valtype_t type;
  bool mutable;
  aod_wasm_expression_t init; /* empty for an imported global */
} aod_wasm_global_t;

typedef enum { AOD_SEGMENT_ACTIVE, AOD_SEGMENT_PASSIVE, AOD_SEGMENT_DECLARED } aod_wasm_mode_t;

typedef struct {
  aod_wasm_mode_t mode;
  aod_wasm_valtype_t type;
  uint32_t table;
  aod_wasm_expression_t offset; /* active only */
  const aod_wasm_expression_t *items;
  uint32_t count;
} aod_wasm_element_t;

typedef struct {
  aod_wasm_mode_t mode;
  aod_wasm_expression_t offset; /* active only; i64 when the memory is 64-bit */
  aod_slice_t bytes;
} aod_wasm_data_t;

#define AOD_WASM_NONE UINT32_MAX

typedef struct {
  aod_slice_t wasm; /* what it was decoded from */
  aod_wasm_type_t *types;
  aod_wasm_import_entry_t *imports;     /* in the binary's order */
  aod_wasm_function_entry_t *functions; /* imported ones first, as in all index spaces */
  aod_wasm_table_entry_t *tables;
  aod_wasm_limits_t *memories;
  aod_wasm_global_t *globals;
  aod_wasm_export_t *exports;
  aod_wasm_element_t *elements;
  aod_wasm_data_t *datas;
  uint32_t type_count, import_count, function_count, table_count, memory_count, global_count,
      export_count, element_count, data_count;
  uint32_t imported_functions, imported_tables, imported_memories, imported_globals;
  uint32_t start;      /* function index or AOD_WASM_NONE */
  bool has_data_count; /* a data count section stands before the code */
  /* Set by whoever metered it: each loop and call pays gas, so it gets no budget of ours. */
  bool metered;
  uint8_t *ref_funcs; /* by function index: 1 when ref.func may name it in a body */
  aod_arena_t arena;
} aod_wasm_module_t;

/* Decode `wasm`, which must outlive the module. AOD_EINPUT for bytes that are no valid module,
 * AOD_EUNSUPPORTED for a feature and AOD_ELIMIT for a size beyond what aod handles; the message has
 * the byte offset. On failure nothing is left to free. */
int aod_wasm_decode(aod_slice_t wasm, aod_wasm_module_t *module, aod_error_t *err);
void aod_wasm_module_free(aod_wasm_module_t *module);

/* The export of that name and kind, or NULL. */
const aod_wasm_export_t *aod_wasm_export_find(const aod_wasm_module_t *module, const char *name,
                                              aod_wasm_kind_t kind);

/* The type of function `index`. */
static inline const aod_wasm_type_t *aod_wasm_function_type(const aod_wasm_module_t *module,
                                                            uint32_t index) {
  return &module->types[module->functions[index].type];
}

/* Evaluate. `globals` as in aod_wasm_instance_t; only those that the expression may name are read.
 * Cannot fail: integers wrap. */
aod_wasm_value_t aod_wasm_evaluate(const aod_wasm_expression_t *expression,
                                   uint64_t *const *globals);

/* The number of address bits that reach every byte which the module's memory may ever have: the
 * runtime reserves 2^bits and 4 GiB more, and generated code tests nothing but the bits above. 32
 * for a 32-bit memory; for a 64-bit one from the declared maximum, at most 34 (16 GiB). */
uint32_t aod_wasm_memory_bits(const aod_wasm_module_t *module);

/* "i32", "funcref", ... */
const char *aod_wasm_valtype_name(aod_wasm_valtype_t type);

/* 64-bit slots that a value takes where values cross as slots (abi.h): 1, v128 2, references 3. */
static inline uint32_t aod_wasm_slots(aod_wasm_valtype_t type) {
  return type == AOD_WASM_V128 ? 2 : type == AOD_WASM_FUNCREF || type == AOD_WASM_EXTERNREF ? 3 : 1;
}

#endif
