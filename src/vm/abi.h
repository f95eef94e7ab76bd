/* The contract between generated code and the runtime.
 *
 * This file is compiled into aod and is also, word for word, the beginning of every C file that
 * the translator writes (the build embeds it as a string). So it includes nothing of aod, and a
 * change here must raise AOD_ABI_VERSION, which is part of the key of the compile cache.
 *
 * Generated code is a shared object with one exported symbol, `aod_wasm_code`. It has no
 * undefined symbols but libc's and libm's: what it needs from aod it reaches through the instance.
 *
 * Memory. `memory` is the base of a reserved address range and never moves. For a 32-bit memory
 * every address that code can form (32-bit address plus 32-bit offset plus 16 bytes) lies inside
 * the reservation; beyond the current size it is inaccessible, and the fault becomes the trap
 * "memory access out of bounds". For a 64-bit memory the code tests the high bits
 * (address >> memory_bits) first; with an offset below 2^32 the fault does the rest, else the code
 * checks in full.
 *
 * Cards. A store to base + offset sets cards[address >> AOD_CARD_SHIFT] = 1 before it writes:
 * address is the base where offset and width together are at most AOD_CARD_OVERLAP (so that many
 * stores with the same base need one mark), else base + offset. So whoever copies a marked card
 * copies AOD_CARD_OVERLAP bytes more. Bulk operations and host functions mark ranges.
 *
 * Calls. A Wasm function is a C function whose first parameter is the instance. `depth` counts
 * active calls down to 0, `fuel` counts the work down; both are set by the runtime before it
 * enters. `gas` is what the module itself counts down by calling the import metering.usegas: with a
 * constant the call is replaced by the subtraction. Values cross to host functions and through
 * trampolines as 64-bit slots: i32 and f32 bits zero-extended, v128 in two slots, a reference in
 * three (the fields of aod_wasm_ref_t in order); arguments in order, results over them from slot 0.
 * A host function is given the calling instance. A function with several results returns them as a
 * C struct.
 *
 * Floats. An arithmetic operation whose result is NaN yields x86's default NaN (0xffc00000,
 * 0xfff8000000000000), whatever its operands; moves, loads, stores, neg, abs, copysign are bit
 * operations. */
#ifndef AOD_VM_ABI_H
#define AOD_VM_ABI_H

#include <stdint.h>

#define AOD_ABI_VERSION  3
#define AOD_CARD_SHIFT   12  /* a card is 4 KiB: an operating-system page */
#define AOD_CARD_OVERLAP 256 /* bytes behind a marked card that may have changed, too */

typedef enum {
  AOD_TRAP_NONE,
  AOD_TRAP_UNREACHABLE,
  AOD_TRAP_MEMORY,      /* memory access out of bounds */
  AOD_TRAP_DIVIDE_ZERO, /* divide by zero */
  AOD_TRAP_REMAINDER_ZERO,
  AOD_TRAP_OVERFLOW,   /* divide result unrepresentable */
  AOD_TRAP_CONVERSION, /* float unrepresentable in integer range */
  AOD_TRAP_TABLE,      /* table index is out of bounds */
  AOD_TRAP_SIGNATURE,  /* null function or function signature mismatch */
  AOD_TRAP_STACK,      /* Maximum call stack size exceeded */
  AOD_TRAP_FUEL,       /* the deterministic budget is used up */
  AOD_TRAP_GAS,        /* out of gas! */
  AOD_TRAP_HOST        /* a host function failed; the runtime holds the text */
} aod_trap_t;

typedef struct aod_wasm_instance aod_wasm_instance_t;
typedef void (*aod_wasm_function_t)(void); /* cast to the real type before calling */
typedef void (*aod_wasm_host_t)(aod_wasm_instance_t *instance, uint64_t *slots);

/* A funcref: `type` is the number of the structural type (aod_wasm_type_t), never 0. An externref:
 * `code` is the host's own value, `type` 0. A null reference is all zero. */
typedef struct {
  aod_wasm_function_t code;
  aod_wasm_instance_t *instance;
  uint32_t type;
} aod_wasm_ref_t;

typedef struct {
  aod_wasm_ref_t *entries;
  uint32_t count, max;
} aod_wasm_table_t;

typedef struct {
  aod_wasm_host_t call; /* host side; NULL where `code` is a Wasm function of another instance */
  aod_wasm_function_t code;
  aod_wasm_instance_t *instance;
} aod_wasm_import_t;

/* What generated code asks of the runtime. None returns after a trap. Sizes in pages of 64 KiB or
 * bytes as named; memory_grow returns the old size in pages or -1 as the instruction does. */
typedef struct {
  void (*trap)(aod_wasm_instance_t *, int trap) __attribute__((noreturn));
  int64_t (*memory_grow)(aod_wasm_instance_t *, uint64_t pages);
  void (*memory_copy)(aod_wasm_instance_t *, uint64_t to, uint64_t from, uint64_t bytes);
  void (*memory_fill)(aod_wasm_instance_t *, uint64_t to, uint32_t value, uint64_t bytes);
  void (*memory_init)(aod_wasm_instance_t *, uint32_t segment, uint64_t to, uint64_t from,
                      uint64_t bytes);
  void (*data_drop)(aod_wasm_instance_t *, uint32_t segment);
  void (*table_init)(aod_wasm_instance_t *, uint32_t table, uint32_t segment, uint32_t to,
                     uint32_t from, uint32_t count);
  void (*elem_drop)(aod_wasm_instance_t *, uint32_t segment);
  void (*table_copy)(aod_wasm_instance_t *, uint32_t to_table, uint32_t from_table, uint32_t to,
                     uint32_t from, uint32_t count);
  int32_t (*table_grow)(aod_wasm_instance_t *, uint32_t table, aod_wasm_ref_t value,
                        uint32_t count);
  void (*table_fill)(aod_wasm_instance_t *, uint32_t table, uint32_t to, aod_wasm_ref_t value,
                     uint32_t count);
} aod_wasm_runtime_t;

struct aod_wasm_instance {
  uint8_t *memory;
  uint8_t *cards;
  uint64_t memory_bytes; /* current size */
  int64_t fuel;          /* work left; below zero: AOD_TRAP_FUEL */
  int64_t gas;           /* gas left; below zero: AOD_TRAP_GAS */
  uint32_t depth;        /* calls left; 0 at entry: AOD_TRAP_STACK */
  uint32_t memory_bits;  /* 64-bit memories: an address with bits at or above this is outside */
  uint64_t **globals;    /* by global index: where its slot is (two slots for v128) */
  aod_wasm_table_t **tables;
  aod_wasm_import_t *imports; /* by function index, imported ones come first */
  const aod_wasm_runtime_t *runtime;
  aod_wasm_ref_t *functions; /* by function index, imports included: what ref.func gives */
  void *host;                /* the runtime's own */
};

/* The one exported symbol. Arrays are indexed by the module's function and type indices. */
typedef struct {
  uint32_t abi_version;
  uint32_t function_count; /* imports included */
  uint32_t type_count;
  /* Code by function index; for an imported function a wrapper that calls imports[index]. */
  const aod_wasm_function_t *functions;
  /* The structural type number (as in aod_wasm_ref_t) by type index. */
  const uint32_t *types;
  /* By type index: call `code` of that type with arguments from slots, results into slots. */
  void (*const *trampolines)(aod_wasm_function_t code, aod_wasm_instance_t *instance,
                             uint64_t *slots);
} aod_wasm_code_t;

#endif
