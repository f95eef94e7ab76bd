/* The lexer of GraphQL: blanks, commas and comments are skipped, strings are unescaped, and the
 * number of tokens is limited, which bounds all that the parser does. */
#include "ar/graphql_lex.h"

#include <stdarg.h>
#include <stdio.h>

#include "ar/graphql.h"

void aod__lexer_init(aod__lexer_t *lexer, aod_slice_t text, aod_arena_t *arena) {
  *lexer = (aod__lexer_t){.all = text, .rest = text, .arena = arena, .start = text.ptr};
}

int aod__lexer_fail(const aod__lexer_t *lexer, aod_error_t *err, const char *format, ...) {
  int line = 1, column = 1;
  for (const uint8_t *p = lexer->all.ptr; p < lexer->start; p++) {
    column++;
    if (*p == '\n') line++, column = 1;
  }
  char message[200];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return aod_fail(err, AOD_EINPUT, "Syntax Error: %s (line %d, column %d)", message, line, column);
}

/* ---- characters ---- */

static uint8_t peek(const aod__lexer_t *lexer, size_t at) {
  return at < lexer->rest.len ? lexer->rest.ptr[at] : 0;
}

static void skip(aod__lexer_t *lexer, size_t len) {
  lexer->rest = aod_slice_sub(lexer->rest, len, lexer->rest.len);
}

static bool is_name(uint8_t c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (!first && c >= '0' && c <= '9');
}

static bool is_digit(uint8_t c) {
  return c >= '0' && c <= '9';
}

static void skip_ignored(aod__lexer_t *lexer) {
  static const char bom[] = "\xef\xbb\xbf";
  if (aod_slice_starts(lexer->rest, bom)) skip(lexer, 3);
  for (;;) {
    uint8_t c = peek(lexer, 0);
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',') {
      skip(lexer, 1);
    } else if (c == '#') {
      while (lexer->rest.len && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r') skip(lexer, 1);
    } else {
      return;
    }
  }
}

static void take(aod__lexer_t *lexer, aod__token_kind_t kind, size_t len) {
  lexer->kind = kind;
  lexer->text = aod_slice_sub(lexer->rest, 0, len);
  skip(lexer, len);
}

/* ---- numbers ---- */

static size_t digits(const aod__lexer_t *lexer, size_t at) {
  size_t len = 0;
  while (is_digit(peek(lexer, at + len))) len++;
  return len;
}

static int lex_number(aod__lexer_t *lexer, aod_error_t *err) {
  size_t len = peek(lexer, 0) == '-';
  size_t whole = digits(lexer, len);
  if (whole == 0 || (whole > 1 && peek(lexer, len) == '0'))
    return aod__lexer_fail(lexer, err, "Invalid number.");
  len += whole;
  bool is_float = false;
  if (peek(lexer, len) == '.') {
    size_t fraction = digits(lexer, len + 1);
    if (fraction == 0) return aod__lexer_fail(lexer, err, "Invalid number.");
    len += 1 + fraction;
    is_float = true;
  }
  if ((peek(lexer, len) | 0x20) == 'e') {
    size_t sign = peek(lexer, len + 1) == '-' || peek(lexer, len + 1) == '+';
    size_t exponent = digits(lexer, len + 1 + sign);
    if (exponent == 0) return aod__lexer_fail(lexer, err, "Invalid number.");
    len += 1 + sign + exponent;
    is_float = true;
  }
  if (is_name(peek(lexer, len), false) || peek(lexer, len) == '.')
    return aod__lexer_fail(lexer, err, "Invalid number.");
  take(lexer, is_float ? AOD__TOKEN_FLOAT : AOD__TOKEN_INT, len);
  return AOD_OK;
}

/* ---- strings ---- */

static void put_utf8(aod_buf_t *out, uint32_t c) {
  if (c < 0x80) {
    aod_buf_byte(out, (uint8_t)c);
    return;
  }
  int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
  aod_buf_byte(out, (uint8_t)(lead[more] | c >> (6 * more)));
  while (more-- > 0) aod_buf_byte(out, (uint8_t)(0x80 | (c >> (6 * more) & 0x3f)));
}

/* The four hexadecimal digits at `at`; -1 when they are none. */
static int32_t hex4(const aod__lexer_t *lexer, size_t at) {
  int32_t value = 0;
  for (size_t i = 0; i < 4; i++) {
    uint8_t c = peek(lexer, at + i), low = c | 0x20;
    if (is_digit(c))
      value = value * 16 + (c - '0');
    else if (low >= 'a' && low <= 'f')
      value = value * 16 + (low - 'a' + 10);
    else
      return -1;
  }
  return value;
}

/* \uXXXX at the start of what is left; a pair of surrogates is one character. */
static bool unescape_unicode(aod__lexer_t *lexer, aod_buf_t *out) {
  int32_t c = hex4(lexer, 2);
  if (c < 0) return false;
  skip(lexer, 6);
  if (c >= 0xd800 && c <= 0xdfff) {
    int32_t low = peek(lexer, 0) == '\\' && peek(lexer, 1) == 'u' ? hex4(lexer, 2) : -1;
    if (c > 0xdbff || low < 0xdc00 || low > 0xdfff) return false;
    skip(lexer, 6);
    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
  }
  put_utf8(out, (uint32_t)c);
  return true;
}

static bool unescape(aod__lexer_t *lexer, aod_buf_t *out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  uint8_t c = peek(lexer, 1);
  if (c == 'u') return unescape_unicode(lexer, out);
  const char *at = c ? strchr(from, c) : NULL;
  if (!at) return false;
  aod_buf_byte(out, (uint8_t)to[at - from]);
  skip(lexer, 2);
  return true;
}

static int lex_plain_string(aod__lexer_t *lexer, aod_buf_t *out, aod_error_t *err) {
  skip(lexer, 1);
  for (;;) {
    if (lexer->rest.len == 0 || peek(lexer, 0) == '\n' || peek(lexer, 0) == '\r')
      return aod__lexer_fail(lexer, err, "Unterminated string.");
    uint8_t c = peek(lexer, 0);
    if (c == '"') {
      skip(lexer, 1);
      return AOD_OK;
    }
    if (c != '\\') {
      aod_buf_byte(out, c);
      skip(lexer, 1);
    } else if (!unescape(lexer, out)) {
      return aod__lexer_fail(lexer, err, "Invalid character escape sequence.");
    }
  }
}

/* """...""", whose only escape is \""". The indentation stays: no client uses it for data. */
static int lex_block_string(aod__lexer_t *lexer, aod_buf_t *out, aod_error_t *err) {
  skip(lexer, 3);
  while (lexer->rest.len) {
    if (aod_slice_starts(lexer->rest, "\"\"\"")) {
      skip(lexer, 3);
      return AOD_OK;
    }
    if (aod_slice_starts(lexer->rest, "\\\"\"\"")) {
      aod_buf_text(out, "\"\"\"");
      skip(lexer, 4);
    } else {
      aod_buf_byte(out, peek(lexer, 0));
      skip(lexer, 1);
    }
  }
  return aod__lexer_fail(lexer, err, "Unterminated string.");
}

static int lex_string(aod__lexer_t *lexer, aod_error_t *err) {
  aod_buf_t out = {0};
  bool block = aod_slice_starts(lexer->rest, "\"\"\"");
  int code = block ? lex_block_string(lexer, &out, err) : lex_plain_string(lexer, &out, err);
  lexer->kind = AOD__TOKEN_STRING;
  lexer->text = aod_arena_copy(lexer->arena, aod_buf_slice(&out));
  aod_buf_free(&out);
  return code;
}

/* ---- tokens ---- */

int aod__lexer_next(aod__lexer_t *lexer, aod_error_t *err) {
  skip_ignored(lexer);
  lexer->start = lexer->rest.ptr;
  lexer->kind = AOD__TOKEN_END;
  lexer->text = AOD_EMPTY;
  if (lexer->rest.len == 0) return AOD_OK;
  if (++lexer->count > AOD__GRAPHQL_TOKENS_MAX)
    return aod__lexer_fail(lexer, err, "Document has more than %d tokens.",
                           AOD__GRAPHQL_TOKENS_MAX);
  uint8_t c = peek(lexer, 0);
  if (c && strchr("!$&()=:@[]{|}", c)) {
    take(lexer, AOD__TOKEN_PUNCTUATOR, 1);
  } else if (aod_slice_starts(lexer->rest, "...")) {
    take(lexer, AOD__TOKEN_SPREAD, 3);
  } else if (is_name(c, true)) {
    size_t len = 1;
    while (is_name(peek(lexer, len), false)) len++;
    take(lexer, AOD__TOKEN_NAME, len);
  } else if (is_digit(c) || c == '-') {
    return lex_number(lexer, err);
  } else if (c == '"') {
    return lex_string(lexer, err);
  } else {
    return aod__lexer_fail(lexer, err, "Unexpected character: 0x%02x.", c);
  }
  return AOD_OK;
}
