/* A module that was given memory, tables and globals: everything of WebAssembly's "instance" and
 * nothing of AO. Imports may come from host functions or from other cores.
 *
 * Not thread-safe: a core, and all cores it is linked with, belong to one thread at a time. */
#ifndef AOD_VM_CORE_H
#define AOD_VM_CORE_H

#include "vm/abi.h"
#include "vm/code.h"
#include "vm/memory.h"

typedef struct aod_core aod_core_t;

/* What an import is given, and what an export offers. Only the members of its kind are set. */
typedef struct {
  aod_wasm_kind_t kind;
  uint32_t type;                 /* functions: the structural type number */
  aod_wasm_valtype_t value_type; /* globals, tables */
  bool mutable;                  /* globals */
  aod_wasm_import_t function;    /* call is set, or code and instance */
  aod_wasm_table_t *table;
  aod_core_t *memory; /* the core that owns the memory */
  uint64_t *global;   /* its slots */
} aod_extern_t;

/* A copy of all that is not linear memory: globals, tables, dropped segments. */
typedef struct {
  uint64_t *globals;
  aod_wasm_table_t *tables;
  uint8_t *dropped;
} aod_core_state_t;

struct aod_core {
  aod_wasm_instance_t wasm; /* first, so that native code's pointer is also ours */
  const aod_code_t *code;
  aod_core_t *memory_owner; /* NULL when there is no memory */
  aod_core_t *memory_next;  /* the next core that imports the memory of its owner */
  aod_memory_t memory;      /* owner only */
  uint32_t global_slots;    /* slots of own globals in state.globals */
  uint32_t own_tables;
  aod_core_state_t state;     /* what native code sees */
  aod_core_state_t committed; /* what rollback returns to */
};

typedef struct {
  const aod_image_t *image;  /* memory starts as this; NULL: as zeros */
  uint64_t memory_cap_bytes; /* 0: none but the module's own */
  uint32_t table_cap;        /* entries that own tables may grow to; 0: none but the module's own */
} aod_core_options_t;

/* Allocate and link. `imports` has one entry for each import of the module, in its order, and is
 * not kept; what it points to must outlive the core. `options` may be NULL. AOD_EUNSUPPORTED when
 * an import does not fit its declaration, AOD_ELIMIT and AOD_ENOMEM as aod_memory_open. */
int aod_core_open(aod_core_t **core, const aod_code_t *code, const aod_extern_t *imports,
                  const aod_core_options_t *options, aod_error_t *err);
void aod_core_close(aod_core_t *core); /* NULL is allowed */

/* Copy the active segments in and run the start function. Returns the trap that ended it or
 * AOD_TRAP_NONE; after a trap what was done stays done, as the specification wants. */
int aod_core_start(aod_core_t *core);

/* Call function `index` with arguments in `slots`; the results take their place. `slots` has room
 * for both. Returns the trap or AOD_TRAP_NONE. */
int aod_core_call(aod_core_t *core, uint32_t index, uint64_t *slots);

/* The same from within a call: a trap goes on to whoever entered. */
void aod_core_call_inside(aod_core_t *core, uint32_t index, uint64_t *slots);

/* Call what table 0 holds at `entry`, which must have the type number `type` (trap otherwise). */
void aod_core_call_table(aod_core_t *core, uint64_t entry, uint32_t type, uint64_t *slots);

/* What the export is; false when there is none of that name and kind. */
bool aod_core_export(aod_core_t *core, const char *name, aod_wasm_kind_t kind, aod_extern_t *value);

/* Keep or undo everything since the last commit, linear memory included. */
void aod_core_commit(aod_core_t *core);
void aod_core_rollback(aod_core_t *core);
void aod_core_settle(aod_core_t *core); /* commit, where aod_memory_settle is due */

/* What is not linear memory, as bytes that do not depend on addresses (core_state.c). Only of cores
 * whose references are to their own functions. Reading commits; AOD_EINPUT for bytes that do not
 * fit the core, of which some may have been taken then. */
bool aod_core_state_changed(const aod_core_t *core); /* since the last commit */
void aod_core_state_write(const aod_core_t *core, aod_buf_t *bytes);
int aod_core_state_read(aod_core_t *core, aod_slice_t bytes, aod_error_t *err);

/* The limits of the core's own memory: what it begins with, what it may grow to under a cap (0:
 * none), and how many bits an address has; zeros when it has none. AOD_ELIMIT when it begins too
 * large. */
int aod_core_memory_limits(const aod_wasm_module_t *module, uint64_t cap_bytes, uint64_t *min_bytes,
                           uint64_t *max_bytes, uint32_t *address_bits, aod_error_t *err);

/* The functions that native code calls; used by aod_core_open. */
extern const aod_wasm_runtime_t aod__runtime;

/* Initialise a table or memory from a segment; traps when out of range. */
void aod__table_init(aod_core_t *core, uint32_t table, uint32_t segment, uint32_t to, uint32_t from,
                     uint32_t count);
void aod__memory_init(aod_core_t *core, uint32_t segment, uint64_t to, uint64_t from,
                      uint64_t bytes);

/* Tell all who use the memory of `owner` its size. */
void aod__memory_resized(aod_core_t *owner);

/* Copy globals, tables and dropped segments. */
void aod__core_copy_state(const aod_core_t *core, aod_core_state_t *to,
                          const aod_core_state_t *from);

/* The reference that a constant expression's value stands for. */
aod_wasm_ref_t aod__core_ref(const aod_core_t *core, const aod_wasm_value_t *value);

/* state.dropped: one byte for each element segment, then one for each data segment. */
static inline uint8_t *aod__dropped_data(aod_core_t *core) {
  return core->state.dropped + core->code->module.element_count;
}

#endif
