/* The second part of the preamble, for modules that use v128: the operations of the fixed-width
 * SIMD proposal over the vector extensions that GCC and clang share. So results do not depend on
 * what the machine has; where a plain loop would be slow and every x86-64 has the very instruction,
 * that is used.
 *
 * A v128 is two 64-bit words; operations look at it as lanes of their type. Comparisons yield -1 or
 * 0 in each lane, which is what WebAssembly wants. Integer lanes wrap, being unsigned wherever they
 * could overflow. */

typedef u64 v128 __attribute__((vector_size(16)));
typedef v128 __attribute__((may_alias, aligned(1))) v128_m;
typedef u8 u8x16 __attribute__((vector_size(16)));
typedef u16 u16x8 __attribute__((vector_size(16)));
typedef u32 u32x4 __attribute__((vector_size(16)));
typedef u64 u64x2 __attribute__((vector_size(16)));
typedef i8 i8x16 __attribute__((vector_size(16)));
typedef i16 i16x8 __attribute__((vector_size(16)));
typedef i32 i32x4 __attribute__((vector_size(16)));
typedef i64 i64x2 __attribute__((vector_size(16)));
typedef f32 f32x4 __attribute__((vector_size(16)));
typedef f64 f64x2 __attribute__((vector_size(16)));
typedef u8 u8x8 __attribute__((vector_size(8)));
typedef u16 u16x4 __attribute__((vector_size(8)));
typedef u32 u32x2 __attribute__((vector_size(8)));
typedef i8 i8x8 __attribute__((vector_size(8)));
typedef i16 i16x4 __attribute__((vector_size(8)));
typedef i32 i32x2 __attribute__((vector_size(8)));
typedef f32 f32x2 __attribute__((vector_size(8)));

INLINE v128 v128_load(const u64 *slots) {
  return (v128){slots[0], slots[1]};
}
INLINE void v128_store(u64 *slots, v128 value) {
  slots[0] = value[0];
  slots[1] = value[1];
}

/* ---- all kinds of lanes ---- */

#define op1(lanes, operator, a)    ((v128)(operator(lanes)(a)))
#define op2(lanes, a, operator, b) ((v128)((lanes)(a) operator(lanes)(b)))
#define shift(lanes, a, operator, by)                                                              \
  ({                                                                                               \
    lanes s_ = (lanes)(a);                                                                         \
    u32 n_ = (by) & (8 * sizeof s_[0] - 1);                                                        \
    (v128)(s_ operator((lanes){0} + (__typeof__(s_[0]))n_));                                       \
  })
#define splat(lanes, x)     ((v128)((lanes){0} + (__typeof__(((lanes){0})[0]))(x)))
#define constant(low, high) ((v128){low, high})
#define low64(x)            ((v128){x, 0})
#define lane(lanes, a, n)   (((lanes)(a))[n])
#define with_lane(lanes, a, n, x)                                                                  \
  ({                                                                                               \
    lanes w_ = (lanes)(a);                                                                         \
    w_[n] = (x);                                                                                   \
    (v128) w_;                                                                                     \
  })
#define shuffle(a, b, ...)   ((v128)__builtin_shufflevector((u8x16)(a), (u8x16)(b), __VA_ARGS__))
#define convert(from, to, a) ((v128) __builtin_convertvector((from)(a), to))

INLINE v128 bitselect(v128 a, v128 b, v128 mask) {
  return (a & mask) | (b & ~mask);
}
INLINE u32 any_true(v128 a) {
  return (a[0] | a[1]) != 0;
}
#define all_true(lanes, a)   ((u32)!any_true((v128)((lanes)(a) == (lanes){0})))
#define minimum(lanes, a, b) extreme(lanes, a, <, b)
#define maximum(lanes, a, b) extreme(lanes, a, >, b)
#define extreme(lanes, a, operator, b)                                                             \
  ({                                                                                               \
    v128 a_ = (a), b_ = (b);                                                                       \
    bitselect(a_, b_, (v128)((lanes)a_ operator(lanes) b_));                                       \
  })

INLINE v128 swizzle(v128 a, v128 index) {
  u8x16 from = (u8x16)a, at = (u8x16)index, r;
  for (int i = 0; i < 16; i++) r[i] = at[i] < 16 ? from[at[i] & 15] : 0;
  return (v128)r;
}

/* ---- halves ---- */

#define LOW8  0, 1, 2, 3, 4, 5, 6, 7
#define HIGH8 8, 9, 10, 11, 12, 13, 14, 15
#define LOW4  0, 1, 2, 3
#define HIGH4 4, 5, 6, 7
#define LOW2  0, 1
#define HIGH2 2, 3
#define widen(from, to, a, ...)                                                                    \
  __builtin_convertvector(__builtin_shufflevector((from)(a), (from)(a), __VA_ARGS__), to)

#define DEFINE_WIDENING(to, from, wide, unsigned_wide, narrow, sign, low, high)                    \
  INLINE v128 to##_extend_low_##from##_##sign(v128 a) {                                            \
    return (v128)widen(narrow, wide, a, low);                                                      \
  }                                                                                                \
  INLINE v128 to##_extend_high_##from##_##sign(v128 a) {                                           \
    return (v128)widen(narrow, wide, a, high);                                                     \
  }                                                                                                \
  INLINE v128 to##_extmul_low_##from##_##sign(v128 a, v128 b) {                                    \
    return op2(unsigned_wide, to##_extend_low_##from##_##sign(a), *,                               \
               to##_extend_low_##from##_##sign(b));                                                \
  }                                                                                                \
  INLINE v128 to##_extmul_high_##from##_##sign(v128 a, v128 b) {                                   \
    return op2(unsigned_wide, to##_extend_high_##from##_##sign(a), *,                              \
               to##_extend_high_##from##_##sign(b));                                               \
  }
DEFINE_WIDENING(i16x8, i8x16, i16x8, u16x8, i8x16, s, LOW8, HIGH8)
DEFINE_WIDENING(i16x8, i8x16, u16x8, u16x8, u8x16, u, LOW8, HIGH8)
DEFINE_WIDENING(i32x4, i16x8, i32x4, u32x4, i16x8, s, LOW4, HIGH4)
DEFINE_WIDENING(i32x4, i16x8, u32x4, u32x4, u16x8, u, LOW4, HIGH4)
DEFINE_WIDENING(i64x2, i32x4, i64x2, u64x2, i32x4, s, LOW2, HIGH2)
DEFINE_WIDENING(i64x2, i32x4, u64x2, u64x2, u32x4, u, LOW2, HIGH2)

/* The sum of each pair of neighbours, as wider lanes. */
#define DEFINE_PAIRWISE(name, lanes, unsigned_lanes, bits)                                         \
  INLINE v128 name(v128 a) {                                                                       \
    lanes even = (lanes)((unsigned_lanes)a << bits) >> bits, odd = (lanes)a >> bits;               \
    return (v128)((unsigned_lanes)even + (unsigned_lanes)odd);                                     \
  }
DEFINE_PAIRWISE(i16x8_extadd_pairwise_i8x16_s, i16x8, u16x8, 8)
DEFINE_PAIRWISE(i16x8_extadd_pairwise_i8x16_u, u16x8, u16x8, 8)
DEFINE_PAIRWISE(i32x4_extadd_pairwise_i16x8_s, i32x4, u32x4, 16)
DEFINE_PAIRWISE(i32x4_extadd_pairwise_i16x8_u, u32x4, u32x4, 16)

INLINE v128 i32x4_dot_i16x8_s(v128 a, v128 b) {
#ifdef __SSE2__
  return (v128)__builtin_ia32_pmaddwd128((i16x8)a, (i16x8)b);
#else
  u32x4 even = (u32x4)((i32x4)((u32x4)a << 16) >> 16) * (u32x4)((i32x4)((u32x4)b << 16) >> 16);
  u32x4 odd = (u32x4)((i32x4)a >> 16) * (u32x4)((i32x4)b >> 16);
  return (v128)(even + odd);
#endif
}

/* ---- saturation ---- */

#define DEFINE_SATURATION(name, lanes, unsigned_lanes, bits)                                       \
  INLINE v128 name##_add_sat_u(v128 a, v128 b) {                                                   \
    unsigned_lanes r = (unsigned_lanes)a + (unsigned_lanes)b;                                      \
    return (v128)r | (v128)(r < (unsigned_lanes)a);                                                \
  }                                                                                                \
  INLINE v128 name##_sub_sat_u(v128 a, v128 b) {                                                   \
    unsigned_lanes r = (unsigned_lanes)a - (unsigned_lanes)b;                                      \
    return (v128)r & (v128)((unsigned_lanes)a >= (unsigned_lanes)b);                               \
  }                                                                                                \
  /* what overflows becomes the extreme with the first operand's sign */                           \
  INLINE v128 name##_add_sat_s(v128 a, v128 b) {                                                   \
    v128 r = (v128)((unsigned_lanes)a + (unsigned_lanes)b);                                        \
    v128 over = (v128)((lanes)(~(a ^ b) & (a ^ r)) < 0);                                           \
    unsigned_lanes limit = (unsigned_lanes)((lanes)a >> (bits - 1)) ^ ((1u << (bits - 1)) - 1);    \
    return bitselect((v128)limit, r, over);                                                        \
  }                                                                                                \
  INLINE v128 name##_sub_sat_s(v128 a, v128 b) {                                                   \
    v128 r = (v128)((unsigned_lanes)a - (unsigned_lanes)b);                                        \
    v128 over = (v128)((lanes)((a ^ b) & (a ^ r)) < 0);                                            \
    unsigned_lanes limit = (unsigned_lanes)((lanes)a >> (bits - 1)) ^ ((1u << (bits - 1)) - 1);    \
    return bitselect((v128)limit, r, over);                                                        \
  }                                                                                                \
  INLINE v128 name##_avgr_u(v128 a, v128 b) {                                                      \
    return (v128)((unsigned_lanes)(a | b) - ((unsigned_lanes)(a ^ b) >> 1));                       \
  }
DEFINE_SATURATION(i8x16, i8x16, u8x16, 8)
DEFINE_SATURATION(i16x8, i16x8, u16x8, 16)

/* Clamp the lanes of both operands and put them side by side, half as wide. */
#define DEFINE_NARROWING(name, wide, half, least, greatest, ...)                                   \
  INLINE v128 name(v128 a, v128 b) {                                                               \
    v128 low = splat(wide, least), high = splat(wide, greatest);                                   \
    a = minimum(wide, maximum(wide, a, low), high);                                                \
    b = minimum(wide, maximum(wide, b, low), high);                                                \
    return (v128)__builtin_shufflevector(__builtin_convertvector((wide)a, half),                   \
                                         __builtin_convertvector((wide)b, half), __VA_ARGS__);     \
  }
DEFINE_NARROWING(i8x16_narrow_i16x8_s, i16x8, i8x8, -128, 127, LOW8, HIGH8)
DEFINE_NARROWING(i8x16_narrow_i16x8_u, i16x8, u8x8, 0, 255, LOW8, HIGH8)
DEFINE_NARROWING(i16x8_narrow_i32x4_s, i32x4, i16x4, -32768, 32767, LOW8)
DEFINE_NARROWING(i16x8_narrow_i32x4_u, i32x4, u16x4, 0, 65535, LOW8)

INLINE v128 i16x8_q15mulr_sat_s(v128 a, v128 b) {
  i16x8 x = (i16x8)a, y = (i16x8)b, r;
  for (int i = 0; i < 8; i++) {
    i32 product = ((i32)x[i] * y[i] + 0x4000) >> 15;
    r[i] = (i16)(product > 32767 ? 32767 : product);
  }
  return (v128)r;
}

/* ---- integers ---- */

#define DEFINE_ABS(name, lanes, unsigned_lanes, bits)                                              \
  INLINE v128 name##_abs(v128 a) {                                                                 \
    v128 sign = (v128)((lanes)a >> (bits - 1));                                                    \
    return (v128)((unsigned_lanes)(a ^ sign) - (unsigned_lanes)sign);                              \
  }
DEFINE_ABS(i8x16, i8x16, u8x16, 8)
DEFINE_ABS(i16x8, i16x8, u16x8, 16)
DEFINE_ABS(i32x4, i32x4, u32x4, 32)
DEFINE_ABS(i64x2, i64x2, u64x2, 64)

INLINE v128 i8x16_popcnt(v128 a) {
  u8x16 x = (u8x16)a;
  x = x - ((x >> 1) & 0x55);
  x = (x & 0x33) + ((x >> 2) & 0x33);
  return (v128)((x + (x >> 4)) & 0x0f);
}

/* The sign bits, lane 0 lowest. */
#define DEFINE_BITMASK(name, lanes, count)                                                         \
  INLINE u32 name##_bitmask(v128 a) {                                                              \
    u32 mask = 0;                                                                                  \
    for (int i = 0; i < count; i++) mask |= (u32)(((lanes)a)[i] < 0) << i;                         \
    return mask;                                                                                   \
  }
#ifdef __SSE2__
typedef char char16 __attribute__((vector_size(16)));
INLINE u32 i8x16_bitmask(v128 a) {
  return (u32)__builtin_ia32_pmovmskb128((char16)a);
}
INLINE u32 i32x4_bitmask(v128 a) {
  return (u32)__builtin_ia32_movmskps((f32x4)a);
}
INLINE u32 i64x2_bitmask(v128 a) {
  return (u32)__builtin_ia32_movmskpd((f64x2)a);
}
#else
DEFINE_BITMASK(i8x16, i8x16, 16)
DEFINE_BITMASK(i32x4, i32x4, 4)
DEFINE_BITMASK(i64x2, i64x2, 2)
#endif
DEFINE_BITMASK(i16x8, i16x8, 8)

/* ---- floats ---- */

INLINE v128 canon_f32x4(v128 a) {
  v128 nan = (v128)((f32x4)a != (f32x4)a);
  return bitselect(splat(u32x4, 0xffc00000u), a, nan);
}
INLINE v128 canon_f64x2(v128 a) {
  v128 nan = (v128)((f64x2)a != (f64x2)a);
  return bitselect(splat(u64x2, UINT64_C(0xfff8000000000000)), a, nan);
}

#define DEFINE_LANEWISE(name, lanes, count, function)                                              \
  INLINE v128 name(v128 a) {                                                                       \
    lanes x = (lanes)a, r;                                                                         \
    for (int i = 0; i < count; i++) r[i] = function(x[i]);                                         \
    return (v128)r;                                                                                \
  }
DEFINE_LANEWISE(f32x4_ceil, f32x4, 4, ceil_f32)
DEFINE_LANEWISE(f32x4_floor, f32x4, 4, floor_f32)
DEFINE_LANEWISE(f32x4_trunc, f32x4, 4, trunc_f32)
DEFINE_LANEWISE(f32x4_nearest, f32x4, 4, nearest_f32)
DEFINE_LANEWISE(f32x4_sqrt, f32x4, 4, sqrt_f32)
DEFINE_LANEWISE(f64x2_ceil, f64x2, 2, ceil_f64)
DEFINE_LANEWISE(f64x2_floor, f64x2, 2, floor_f64)
DEFINE_LANEWISE(f64x2_trunc, f64x2, 2, trunc_f64)
DEFINE_LANEWISE(f64x2_nearest, f64x2, 2, nearest_f64)
DEFINE_LANEWISE(f64x2_sqrt, f64x2, 2, sqrt_f64)

/* min and max as the scalar ones; pmin and pmax are a plain choice of one operand. */
#define DEFINE_VECTOR_EXTREMES(name, lanes, sign_bits)                                             \
  INLINE v128 name##_abs(v128 a) {                                                                 \
    return a & ~(sign_bits);                                                                       \
  }                                                                                                \
  INLINE v128 name##_neg(v128 a) {                                                                 \
    return a ^ (sign_bits);                                                                        \
  }                                                                                                \
  INLINE v128 name##_min(v128 a, v128 b) {                                                         \
    v128 r = bitselect(a, b, (v128)((lanes)a < (lanes)b));                                         \
    r = bitselect(a | b, r, (v128)((lanes)a == (lanes)b));                                         \
    v128 nan = (v128)((lanes)a != (lanes)a) | (v128)((lanes)b != (lanes)b);                        \
    return canon_##name(r | nan);                                                                  \
  }                                                                                                \
  INLINE v128 name##_max(v128 a, v128 b) {                                                         \
    v128 r = bitselect(a, b, (v128)((lanes)a > (lanes)b));                                         \
    r = bitselect(a & b, r, (v128)((lanes)a == (lanes)b));                                         \
    v128 nan = (v128)((lanes)a != (lanes)a) | (v128)((lanes)b != (lanes)b);                        \
    return canon_##name(r | nan);                                                                  \
  }                                                                                                \
  INLINE v128 name##_pmin(v128 a, v128 b) {                                                        \
    return bitselect(b, a, (v128)((lanes)b < (lanes)a));                                           \
  }                                                                                                \
  INLINE v128 name##_pmax(v128 a, v128 b) {                                                        \
    return bitselect(b, a, (v128)((lanes)a < (lanes)b));                                           \
  }
DEFINE_VECTOR_EXTREMES(f32x4, f32x4, splat(u32x4, 0x80000000u))
DEFINE_VECTOR_EXTREMES(f64x2, f64x2, splat(u64x2, UINT64_C(0x8000000000000000)))

/* ---- conversions ---- */

#define DEFINE_CONVERSION(name, from, to, count, function)                                         \
  INLINE v128 name(v128 a) {                                                                       \
    from x = (from)a;                                                                              \
    to r = {0};                                                                                    \
    for (int i = 0; i < count; i++) r[i] = function(x[i]);                                         \
    return (v128)r;                                                                                \
  }
DEFINE_CONVERSION(i32x4_trunc_sat_f32x4_s, f32x4, u32x4, 4, sat_f32_s32)
DEFINE_CONVERSION(i32x4_trunc_sat_f32x4_u, f32x4, u32x4, 4, sat_f32_u32)
DEFINE_CONVERSION(i32x4_trunc_sat_f64x2_s_zero, f64x2, u32x4, 2, sat_f64_s32)
DEFINE_CONVERSION(i32x4_trunc_sat_f64x2_u_zero, f64x2, u32x4, 2, sat_f64_u32)
DEFINE_CONVERSION(f64x2_convert_low_i32x4_s, i32x4, f64x2, 2, (f64))
DEFINE_CONVERSION(f64x2_convert_low_i32x4_u, u32x4, f64x2, 2, (f64))
DEFINE_CONVERSION(f32x4_demote_f64x2_zero, f64x2, f32x4, 2, (f32))
DEFINE_CONVERSION(f64x2_promote_low_f32x4, f32x4, f64x2, 2, (f64))
