/* Routing: which row of a unit's table serves a path.
 *
 * Paths are compared segment by segment without being copied: empty segments are skipped (a client
 * whose base URL ends in a slash sends "//result/x"), and escapes are decoded on the fly so that an
 * escaped slash never separates. Only the parameters of the row that matched are copied, decoded.
 *
 * A table has a few dozen rows; walking it costs less than a microsecond, which is why there is no
 * tree here. */
#include "http/router.h"

void aod__target_split(aod_slice_t target, aod_slice_t *path, aod_slice_t *query) {
  aod_slice_t rest = target;
  aod_slice_t before = aod_slice_cut(&rest, '?');
  *query = rest.ptr ? rest : AOD_EMPTY;
  if (before.len && before.ptr[0] != '/') { /* the form for proxies: scheme://authority/path */
    const uint8_t *authority = memmem(before.ptr, before.len, "://", 3);
    if (authority) {
      size_t from = (size_t)(authority + 3 - before.ptr);
      const uint8_t *slash = memchr(before.ptr + from, '/', before.len - from);
      before =
          slash ? aod_slice_sub(before, (size_t)(slash - before.ptr), before.len) : AOD_TEXT("/");
    }
  }
  *path = before;
}

/* ---- percent-encoding ---- */

static int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The decoded byte at *at, which is moved past it. */
static uint8_t decode_step(aod_slice_t text, size_t *at) {
  size_t i = (*at)++;
  if (text.ptr[i] != '%' || text.len - i < 3) return text.ptr[i];
  int high = hex_digit(text.ptr[i + 1]), low = hex_digit(text.ptr[i + 2]);
  if (high < 0 || low < 0) return '%';
  *at = i + 3;
  return (uint8_t)(high << 4 | low);
}

aod_slice_t aod__percent_decode(aod_arena_t *arena, aod_slice_t text, bool form) {
  uint8_t *out = aod_arena_alloc(arena, text.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < text.len;) {
    bool blank = form && text.ptr[i] == '+';
    uint8_t byte = decode_step(text, &i);
    out[len++] = blank ? ' ' : byte;
  }
  return aod_slice(out, len);
}

static bool decodes_to(aod_slice_t text, aod_slice_t plain) {
  size_t len = 0;
  for (size_t i = 0; i < text.len; len++)
    if (len == plain.len || decode_step(text, &i) != plain.ptr[len]) return false;
  return len == plain.len;
}

/* ---- paths ---- */

/* Take the next non-empty segment off *path. */
static bool next_segment(aod_slice_t *path, aod_slice_t *segment) {
  while (path->ptr) {
    *segment = aod_slice_cut(path, '/');
    if (segment->len) return true;
  }
  return false;
}

static void skip_slashes(aod_slice_t *path) {
  while (path->len && path->ptr[0] == '/') *path = aod_slice_sub(*path, 1, path->len);
}

/* Does `path` fit `pattern`? Parameters go to `raw` as they stand in the path. */
static bool path_fits(const char *pattern, aod_slice_t path, aod_slice_t *raw, size_t *count) {
  aod_slice_t rows = aod_text(pattern), want, have;
  *count = 0;
  while (next_segment(&rows, &want)) {
    if (aod_slice_is(want, "*")) {
      skip_slashes(&path);
      raw[(*count)++] = path;
      return true;
    }
    if (!next_segment(&path, &have)) return false;
    if (want.ptr[0] == ':') {
      aod_assert(*count < AOD_ROUTE_PARAMS_MAX);
      raw[(*count)++] = have;
    } else if (!decodes_to(have, want)) {
      return false;
    }
  }
  return !next_segment(&path, &have);
}

static bool method_fits(const char *served, aod_slice_t method) {
  return aod_slice_is(method, served) ||
         (aod_slice_is(method, "HEAD") && strcmp(served, "GET") == 0);
}

const aod_route_t *aod__route_find(const aod_route_t *routes, aod_slice_t method, aod_slice_t path,
                                   aod_arena_t *arena, aod_slice_t params[AOD_ROUTE_PARAMS_MAX],
                                   bool *path_known) {
  aod_slice_t raw[AOD_ROUTE_PARAMS_MAX];
  size_t count;
  *path_known = false;
  for (const aod_route_t *route = routes; route->method; route++) {
    if (!path_fits(route->pattern, path, raw, &count)) continue;
    *path_known = true;
    if (!method_fits(route->method, method)) continue;
    for (size_t i = 0; i < count; i++) params[i] = aod__percent_decode(arena, raw[i], false);
    return route;
  }
  return NULL;
}

void aod__route_methods(const aod_route_t *routes, aod_slice_t path, aod_buf_t *list) {
  aod_slice_t raw[AOD_ROUTE_PARAMS_MAX];
  size_t count;
  for (const aod_route_t *route = routes; route->method; route++) {
    if (!path_fits(route->pattern, path, raw, &count)) continue;
    bool get = strcmp(route->method, "GET") == 0;
    aod_buf_printf(list, "%s%s%s", list->len ? ", " : "", route->method, get ? ", HEAD" : "");
  }
}

/* ---- queries ---- */

bool aod__query_find(aod_arena_t *arena, aod_slice_t query, const char *name, aod_slice_t *value) {
  while (query.ptr) {
    aod_slice_t pair = aod_slice_cut(&query, '&');
    aod_slice_t key = aod_slice_cut(&pair, '=');
    if (!decodes_to(key, aod_text(name))) continue;
    *value = aod__percent_decode(arena, pair, true);
    return true;
  }
  return false;
}
