/* The instruction set: one row an opcode, used by the validator and by the translator.
 *
 * A signature reads "operands:results" with a letter a value: i, l, f, d, v for i32, i64, f32, f64,
 * v128 and p for an address of the memory. Rows without a signature are the instructions whose
 * types depend on more than the opcode; the validator has a function for each.
 *
 * `text` is the C expression or statement, $0 $1 $2 being the operands and $o the offset, $n the
 * lane; it uses the names of preamble.h. A store's begins behind the name of the macro, which
 * depends on what is known about cards. */
#ifndef AOD_VM_OPCODES_H
#define AOD_VM_OPCODES_H

#include <stdint.h>

typedef enum {
  AOD__IMM_NONE,
  AOD__IMM_BLOCK,    /* block type */
  AOD__IMM_INDEX,    /* one index or label */
  AOD__IMM_INDICES,  /* two indices */
  AOD__IMM_TABLE,    /* br_table's labels */
  AOD__IMM_TYPES,    /* select's types */
  AOD__IMM_REFTYPE,  /* ref.null's type */
  AOD__IMM_I32,      /* constants */
  AOD__IMM_I64,      /**/
  AOD__IMM_F32,      /**/
  AOD__IMM_F64,      /**/
  AOD__IMM_V128,     /* constant, or the 16 lanes of a shuffle */
  AOD__IMM_LANE,     /* lane number below the row's `size` */
  AOD__IMM_MEMARG,   /* alignment and offset; `size` is the access in bytes */
  AOD__IMM_MEMLANE,  /* the same and a lane */
  AOD__IMM_MEMORY,   /* a memory index */
  AOD__IMM_MEMORIES, /* two of them */
  AOD__IMM_SEGMENT,  /* a segment and a memory index */
} aod__immediate_t;

enum {
  AOD__OP_NAN = 1,    /* may make a NaN, which is to be made canonical */
  AOD__OP_BITS = 2,   /* shows the bits of its operands: they must be canonical */
  AOD__OP_TRAP = 4,   /* may trap, other than by accessing memory */
  AOD__OP_LOAD = 8,   /* reads memory */
  AOD__OP_STORE = 16, /* writes memory; a statement */
};

/* Costs are those of the network's metering transform (wasm-host.md E.2), on which the fuel budget
 * is built; what that transform does not know is priced alike. */
typedef struct {
  const char *name;
  const char *signature;
  uint8_t immediate, flags;
  uint8_t size; /* of a memory access in bytes, or the number of lanes */
  uint16_t cost;
  const char *text;
} aod__opcode_t;

/* Opcodes of several bytes are named prefix * 2^16 + number. */
#define AOD__OPCODE(prefix, number) ((uint32_t)(prefix) << 16 | (number))

/* The row, or NULL for an opcode that does not exist. */
const aod__opcode_t *aod__opcode_find(uint32_t opcode);

/* Opcodes with a function of their own in validator and translator. */
enum {
  OP_UNREACHABLE = 0x00,
  OP_NOP = 0x01,
  OP_BLOCK = 0x02,
  OP_LOOP = 0x03,
  OP_IF = 0x04,
  OP_ELSE = 0x05,
  OP_END = 0x0b,
  OP_BR = 0x0c,
  OP_BR_IF = 0x0d,
  OP_BR_TABLE = 0x0e,
  OP_RETURN = 0x0f,
  OP_CALL = 0x10,
  OP_CALL_INDIRECT = 0x11,
  OP_DROP = 0x1a,
  OP_SELECT = 0x1b,
  OP_SELECT_TYPED = 0x1c,
  OP_LOCAL_GET = 0x20,
  OP_LOCAL_SET = 0x21,
  OP_LOCAL_TEE = 0x22,
  OP_GLOBAL_GET = 0x23,
  OP_GLOBAL_SET = 0x24,
  OP_TABLE_GET = 0x25,
  OP_TABLE_SET = 0x26,
  OP_MEMORY_SIZE = 0x3f,
  OP_MEMORY_GROW = 0x40,
  OP_I32_CONST = 0x41,
  OP_I64_CONST = 0x42,
  OP_F32_CONST = 0x43,
  OP_F64_CONST = 0x44,
  OP_REF_NULL = 0xd0,
  OP_REF_IS_NULL = 0xd1,
  OP_REF_FUNC = 0xd2,
  OP_MEMORY_INIT = AOD__OPCODE(0xfc, 8),
  OP_DATA_DROP = AOD__OPCODE(0xfc, 9),
  OP_MEMORY_COPY = AOD__OPCODE(0xfc, 10),
  OP_MEMORY_FILL = AOD__OPCODE(0xfc, 11),
  OP_TABLE_INIT = AOD__OPCODE(0xfc, 12),
  OP_ELEM_DROP = AOD__OPCODE(0xfc, 13),
  OP_TABLE_COPY = AOD__OPCODE(0xfc, 14),
  OP_TABLE_GROW = AOD__OPCODE(0xfc, 15),
  OP_TABLE_SIZE = AOD__OPCODE(0xfc, 16),
  OP_TABLE_FILL = AOD__OPCODE(0xfc, 17),
  OP_V128_CONST = AOD__OPCODE(0xfd, 12),
  OP_SHUFFLE = AOD__OPCODE(0xfd, 13),
};

#endif
