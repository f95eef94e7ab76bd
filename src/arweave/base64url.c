/* base64url. Our own, because libsodium 1.0.18 reads some bytes above 127 as characters of the
 * alphabet (its comparison is made for unsigned ones), and an id must have one text only.
 *
 * The decoder is strict: foreign characters, a length of 1 mod 4 and unused bits that are not zero
 * are refused. */
#include "arweave/base64url.h"

#include "base/json.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of a character plus one; 0: not in the alphabet. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

/* ---- encoding ---- */

static size_t encoded_len(size_t len) {
  return len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);
}

static void encode(aod_slice_t bytes, char *text) {
  const uint8_t *in = bytes.ptr;
  for (; bytes.len >= 3; bytes.len -= 3, in += 3) {
    *text++ = alphabet[in[0] >> 2];
    *text++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
    *text++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
    *text++ = alphabet[in[2] & 63];
  }
  if (bytes.len == 0) return;
  uint8_t second = bytes.len == 2 ? in[1] : 0;
  *text++ = alphabet[in[0] >> 2];
  *text++ = alphabet[(in[0] & 3) << 4 | second >> 4];
  if (bytes.len == 2) *text = alphabet[(second & 15) << 2];
}

void aod_base64url_encode(aod_slice_t bytes, aod_buf_t *text) {
  if (bytes.len == 0) return;
  aod_assert(bytes.len <= SIZE_MAX / 2);
  size_t len = encoded_len(bytes.len);
  aod_buf_reserve(text, len);
  encode(bytes, (char *)text->ptr + text->len);
  text->len += len;
}

void aod_base64url_member(aod_buf_t *json, const char *name, aod_slice_t bytes) {
  aod_json_key(json, name);
  aod_buf_byte(json, '"');
  aod_base64url_encode(bytes, json);
  aod_buf_byte(json, '"');
}

/* ---- decoding ---- */

/* The bits of `count` characters, first one highest; false when one is foreign. */
static bool take_bits(const uint8_t *text, size_t count, uint32_t *bits) {
  *bits = 0;
  for (size_t i = 0; i < count; i++) {
    if (!values[text[i]]) return false;
    *bits = *bits << 6 | (uint32_t)(values[text[i]] - 1);
  }
  return true;
}

/* Two or three characters at the end make one or two bytes, and leave bits that must be zero. */
static bool decode_tail(const uint8_t *text, size_t count, uint8_t *bytes) {
  uint32_t bits, unused = count == 2 ? 4 : 2;
  if (!take_bits(text, count, &bits) || bits & ((1u << unused) - 1)) return false;
  bits >>= unused;
  if (count == 3) *bytes++ = (uint8_t)(bits >> 8);
  *bytes = (uint8_t)bits;
  return true;
}

/* The length is not 1 mod 4; `bytes` has room for three quarters of it. */
static bool decode(aod_slice_t text, uint8_t *bytes) {
  const uint8_t *in = text.ptr;
  for (; text.len >= 4; text.len -= 4, in += 4, bytes += 3) {
    uint32_t bits;
    if (!take_bits(in, 4, &bits)) return false;
    bytes[0] = (uint8_t)(bits >> 16);
    bytes[1] = (uint8_t)(bits >> 8);
    bytes[2] = (uint8_t)bits;
  }
  return text.len == 0 || decode_tail(in, text.len, bytes);
}

/* Padding is a courtesy to writers of plain base64; it must then be the right amount. */
static bool strip_padding(aod_slice_t *text) {
  if (text->len == 0 || text->ptr[text->len - 1] != '=') return true;
  if (text->len % 4 != 0) return false;
  text->len -= text->ptr[text->len - 2] == '=' ? 2 : 1;
  return true;
}

int aod_base64url_decode(aod_slice_t text, aod_buf_t *bytes, aod_error_t *err) {
  if (!strip_padding(&text)) return aod_fail(err, AOD_EINPUT, "base64url text has wrong padding");
  if (text.len == 0) return AOD_OK;
  if (text.len % 4 == 1) return aod_fail(err, AOD_EINPUT, "base64url text has a wrong length");
  size_t len = text.len / 4 * 3 + text.len % 4 * 3 / 4;
  aod_buf_reserve(bytes, len);
  if (!decode(text, bytes->ptr + bytes->len))
    return aod_fail(err, AOD_EINPUT, "text is not base64url");
  bytes->len += len;
  return AOD_OK;
}

/* ---- ids ---- */

void aod_id_encode(const uint8_t id[32], char text[44]) {
  encode(aod_slice(id, 32), text);
  text[43] = '\0';
}

bool aod_id_decode(aod_slice_t text, uint8_t id[32]) {
  return text.len == 43 && decode(text, id);
}
