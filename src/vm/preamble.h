/* What generated code is written in: every C file of a module begins with abi.h and with this, both
 * embedded in aod. The translator defines before it
 *   AOD_MEMORY_BITS  address bits of the memory (32: a 32-bit memory, nothing to test)
 *
 * Names are short because the text is large. Nothing here depends on undefined behaviour: integers
 * are unsigned, shifts are masked, conversions are checked, memory is read through types that may
 * alias and need no alignment. */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef float f32;
typedef double f64;
typedef aod_wasm_ref_t ref;
typedef aod_wasm_instance_t instance;

#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define INLINE      static inline __attribute__((always_inline, unused))

static _Noreturn __attribute__((cold, noinline)) void trap(instance *m, int reason) {
  m->runtime->trap(m, reason);
}

/* ---- memory ---- */

typedef u8 __attribute__((may_alias)) u8_m;
typedef u16 __attribute__((may_alias, aligned(1))) u16_m;
typedef u32 __attribute__((may_alias, aligned(1))) u32_m;
typedef u64 __attribute__((may_alias, aligned(1))) u64_m;
typedef i8 __attribute__((may_alias)) i8_m;
typedef i16 __attribute__((may_alias, aligned(1))) i16_m;
typedef i32 __attribute__((may_alias, aligned(1))) i32_m;
typedef i64 __attribute__((may_alias, aligned(1))) i64_m;
typedef f32 __attribute__((may_alias, aligned(1))) f32_m;
typedef f64 __attribute__((may_alias, aligned(1))) f64_m;

#if AOD_MEMORY_BITS == 32
typedef u32 address;
#define AT(a) ((u64)(a))
#else
typedef u64 address;
#define AT(a)                                                                                      \
  ({                                                                                               \
    u64 at_ = (a);                                                                                 \
    if (UNLIKELY(at_ >> AOD_MEMORY_BITS)) trap(m, AOD_TRAP_MEMORY);                                \
    at_;                                                                                           \
  })
#endif

/* M and C are the function's copies of m->memory and m->cards. Loads are volatile because a load
 * whose value nobody needs must still trap. Stores by which card they mark: their own, that of
 * their base, or none since their base's is marked already. */
#define ld(type, a, offset) (*(const volatile type##_m *)(M + (AT(a) + (offset))))
#define st(type, a, offset, value)                                                                 \
  do {                                                                                             \
    type v_ = (type)(value);                                                                       \
    u64 a_ = AT(a) + (offset);                                                                     \
    C[a_ >> AOD_CARD_SHIFT] = 1;                                                                   \
    *(type##_m *)(M + a_) = v_;                                                                    \
  } while (0)
#define st_base(type, a, offset, value)                                                            \
  do {                                                                                             \
    type v_ = (type)(value);                                                                       \
    u64 a_ = AT(a);                                                                                \
    C[a_ >> AOD_CARD_SHIFT] = 1;                                                                   \
    *(type##_m *)(M + (a_ + (offset))) = v_;                                                       \
  } while (0)
#define st_again(type, a, offset, value)                                                           \
  do {                                                                                             \
    type v_ = (type)(value);                                                                       \
    *(type##_m *)(M + (AT(a) + (offset))) = v_;                                                    \
  } while (0)

/* An address whose offset is too large for the guard behind the memory: checked in full. */
INLINE address far(instance *m, u64 a, u64 offset, u64 bytes) {
  u64 end;
  if (__builtin_add_overflow(a, offset, &end) || __builtin_add_overflow(end, bytes, &end) ||
      end > m->memory_bytes)
    trap(m, AOD_TRAP_MEMORY);
  return (address)(a + offset);
}

/* ---- calls and the budget ---- */

#define BURN(cost)                                                                                 \
  do {                                                                                             \
    if (UNLIKELY((m->fuel -= (cost)) < 0)) trap(m, AOD_TRAP_FUEL);                                 \
  } while (0)
#define SPEND(cost) (m->fuel -= (cost)) /* looked at by the next BURN */
#define USE_GAS(cost)                                                                              \
  do {                                                                                             \
    if (UNLIKELY((m->gas = (i64)((u64)m->gas - (u64)(cost))) < 0)) trap(m, AOD_TRAP_GAS);          \
  } while (0)
#define ENTER(weight)                                                                              \
  do {                                                                                             \
    if (UNLIKELY(m->depth < (weight))) trap(m, AOD_TRAP_STACK);                                    \
    m->depth -= (weight);                                                                          \
  } while (0)
#define LEAVE(weight) (m->depth += (weight))

/* Bulk operations cost by what they move. A count that is more than there can be of anything costs
 * nothing: such an operation traps, or fails, before it moves. */
#define BURN_BULK(count, most)                                                                     \
  do {                                                                                             \
    u64 n_ = (count);                                                                              \
    if (n_ <= (most)) BURN((i64)n_);                                                               \
  } while (0)
#define TABLE_ENTRIES 10000000 /* no table has more */

INLINE const ref *callee(instance *m, u32 table, u32 index, u32 type) {
  const aod_wasm_table_t *t = m->tables[table];
  if (UNLIKELY(index >= t->count)) trap(m, AOD_TRAP_TABLE);
  const ref *entry = &t->entries[index];
  if (UNLIKELY(entry->type != type || !entry->code)) trap(m, AOD_TRAP_SIGNATURE);
  return entry;
}

INLINE ref table_get(instance *m, u32 table, u32 index) {
  const aod_wasm_table_t *t = m->tables[table];
  if (UNLIKELY(index >= t->count)) trap(m, AOD_TRAP_TABLE);
  return t->entries[index];
}

INLINE void table_set(instance *m, u32 table, u32 index, ref value) {
  aod_wasm_table_t *t = m->tables[table];
  if (UNLIKELY(index >= t->count)) trap(m, AOD_TRAP_TABLE);
  t->entries[index] = value;
}

INLINE ref ref_load(const u64 *slots) {
  ref value;
  __builtin_memcpy(&value, slots, sizeof value);
  return value;
}

INLINE void ref_store(u64 *slots, ref value) {
  __builtin_memcpy(slots, &value, sizeof value);
}

/* ---- integers ---- */

#define clz32(x)                                                                                   \
  ((u32)({                                                                                         \
    u32 x_ = (x);                                                                                  \
    x_ ? __builtin_clz(x_) : 32;                                                                   \
  }))
#define ctz32(x)                                                                                   \
  ((u32)({                                                                                         \
    u32 x_ = (x);                                                                                  \
    x_ ? __builtin_ctz(x_) : 32;                                                                   \
  }))
#define popcnt32(x) ((u32)__builtin_popcount(x))
#define clz64(x)                                                                                   \
  ((u64)({                                                                                         \
    u64 x_ = (x);                                                                                  \
    x_ ? __builtin_clzll(x_) : 64;                                                                 \
  }))
#define ctz64(x)                                                                                   \
  ((u64)({                                                                                         \
    u64 x_ = (x);                                                                                  \
    x_ ? __builtin_ctzll(x_) : 64;                                                                 \
  }))
#define popcnt64(x) ((u64)__builtin_popcountll(x))
#define rotl32(x, by)                                                                              \
  ({                                                                                               \
    u32 x_ = (x), n_ = (by);                                                                       \
    x_ << (n_ & 31) | x_ >> (-n_ & 31);                                                            \
  })
#define rotr32(x, by)                                                                              \
  ({                                                                                               \
    u32 x_ = (x), n_ = (by);                                                                       \
    x_ >> (n_ & 31) | x_ << (-n_ & 31);                                                            \
  })
#define rotl64(x, by)                                                                              \
  ({                                                                                               \
    u64 x_ = (x), n_ = (by);                                                                       \
    x_ << (n_ & 63) | x_ >> (-n_ & 63);                                                            \
  })
#define rotr64(x, by)                                                                              \
  ({                                                                                               \
    u64 x_ = (x), n_ = (by);                                                                       \
    x_ >> (n_ & 63) | x_ << (-n_ & 63);                                                            \
  })

#define DEFINE_DIVISION(bits)                                                                      \
  INLINE u##bits div_u##bits(instance *m, u##bits a, u##bits b) {                                  \
    if (UNLIKELY(b == 0)) trap(m, AOD_TRAP_DIVIDE_ZERO);                                           \
    return a / b;                                                                                  \
  }                                                                                                \
  INLINE u##bits rem_u##bits(instance *m, u##bits a, u##bits b) {                                  \
    if (UNLIKELY(b == 0)) trap(m, AOD_TRAP_REMAINDER_ZERO);                                        \
    return a % b;                                                                                  \
  }                                                                                                \
  INLINE u##bits div_s##bits(instance *m, u##bits a, u##bits b) {                                  \
    if (UNLIKELY(b == 0)) trap(m, AOD_TRAP_DIVIDE_ZERO);                                           \
    if (UNLIKELY(b == (u##bits) - 1 && a == (u##bits)1 << (bits - 1))) trap(m, AOD_TRAP_OVERFLOW); \
    return (u##bits)((i##bits)a / (i##bits)b);                                                     \
  }                                                                                                \
  INLINE u##bits rem_s##bits(instance *m, u##bits a, u##bits b) {                                  \
    if (UNLIKELY(b == 0)) trap(m, AOD_TRAP_REMAINDER_ZERO);                                        \
    return b == (u##bits) - 1 ? 0 : (u##bits)((i##bits)a % (i##bits)b);                            \
  }
DEFINE_DIVISION(32)
DEFINE_DIVISION(64)

/* ---- floats ---- */

INLINE u32 bits_f32(f32 x) {
  u32 bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}
INLINE u64 bits_f64(f64 x) {
  u64 bits;
  __builtin_memcpy(&bits, &x, 8);
  return bits;
}
INLINE f32 f32_bits(u32 bits) {
  f32 x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}
INLINE f64 f64_bits(u64 bits) {
  f64 x;
  __builtin_memcpy(&x, &bits, 8);
  return x;
}

/* The one NaN that arithmetic makes (abi.h). */
#define NAN_f32 f32_bits(0xffc00000u)
#define NAN_f64 f64_bits(UINT64_C(0xfff8000000000000))
#define canon_f32(x)                                                                               \
  ({                                                                                               \
    f32 c_ = (x);                                                                                  \
    UNLIKELY(c_ != c_) ? NAN_f32 : c_;                                                             \
  })
#define canon_f64(x)                                                                               \
  ({                                                                                               \
    f64 c_ = (x);                                                                                  \
    UNLIKELY(c_ != c_) ? NAN_f64 : c_;                                                             \
  })

#define abs_f32(x)         f32_bits(bits_f32(x) & 0x7fffffffu)
#define abs_f64(x)         f64_bits(bits_f64(x) & UINT64_C(0x7fffffffffffffff))
#define neg_f32(x)         f32_bits(bits_f32(x) ^ 0x80000000u)
#define neg_f64(x)         f64_bits(bits_f64(x) ^ UINT64_C(0x8000000000000000))
#define ceil_f32(x)        __builtin_ceilf(x)
#define ceil_f64(x)        __builtin_ceil(x)
#define floor_f32(x)       __builtin_floorf(x)
#define floor_f64(x)       __builtin_floor(x)
#define trunc_f32(x)       __builtin_truncf(x)
#define trunc_f64(x)       __builtin_trunc(x)
#define nearest_f32(x)     __builtin_rintf(x)
#define nearest_f64(x)     __builtin_rint(x)
#define sqrt_f32(x)        __builtin_sqrtf(x)
#define sqrt_f64(x)        __builtin_sqrt(x)
#define copysign_f32(x, y) f32_bits((bits_f32(x) & 0x7fffffffu) | (bits_f32(y) & 0x80000000u))
#define copysign_f64(x, y)                                                                         \
  f64_bits((bits_f64(x) & UINT64_C(0x7fffffffffffffff)) |                                          \
           (bits_f64(y) & UINT64_C(0x8000000000000000)))

/* Zeros of different sign compare equal: the sign bits decide. */
#define DEFINE_EXTREMES(type)                                                                      \
  INLINE type min_##type(type a, type b) {                                                         \
    if (UNLIKELY(a != a || b != b)) return NAN_##type;                                             \
    if (a == b) return type##_bits(bits_##type(a) | bits_##type(b));                               \
    return a < b ? a : b;                                                                          \
  }                                                                                                \
  INLINE type max_##type(type a, type b) {                                                         \
    if (UNLIKELY(a != a || b != b)) return NAN_##type;                                             \
    if (a == b) return type##_bits(bits_##type(a) & bits_##type(b));                               \
    return a > b ? a : b;                                                                          \
  }
DEFINE_EXTREMES(f32)
DEFINE_EXTREMES(f64)

/* Float to integer: `above` and `below` are the nearest floats outside of the range, except that
 * `below` is the least value itself (then `inside` is >=) where no float lies just beyond it. */
#define DEFINE_TRUNCATION(from, sign, int_type, bits, inside, below, above, least, greatest)       \
  INLINE u##bits trunc_##from##_##sign##bits(instance *m, from x) {                                \
    if (UNLIKELY(!(x inside(below) && x < (above)))) trap(m, AOD_TRAP_CONVERSION);                 \
    return (u##bits)(int_type)x;                                                                   \
  }                                                                                                \
  INLINE u##bits sat_##from##_##sign##bits(from x) {                                               \
    if (x inside(below) && x < (above)) return (u##bits)(int_type)x;                               \
    return x != x ? 0 : (u##bits)(x < 0 ? (least) : (greatest));                                   \
  }
DEFINE_TRUNCATION(f32, s, i32, 32, >=, -0x1p31f, 0x1p31f, INT32_MIN, INT32_MAX)
DEFINE_TRUNCATION(f32, u, u32, 32, >, -1.0f, 0x1p32f, 0, UINT32_MAX)
DEFINE_TRUNCATION(f64, s, i32, 32, >, -2147483649.0, 0x1p31, INT32_MIN, INT32_MAX)
DEFINE_TRUNCATION(f64, u, u32, 32, >, -1.0, 0x1p32, 0, UINT32_MAX)
DEFINE_TRUNCATION(f32, s, i64, 64, >=, -0x1p63f, 0x1p63f, INT64_MIN, INT64_MAX)
DEFINE_TRUNCATION(f32, u, u64, 64, >, -1.0f, 0x1p64f, 0, UINT64_MAX)
DEFINE_TRUNCATION(f64, s, i64, 64, >=, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX)
DEFINE_TRUNCATION(f64, u, u64, 64, >, -1.0, 0x1p64, 0, UINT64_MAX)

/* ---- the module ---- */
