/* The bytes of items: "/:id" and "/raw/:id", whole or a range. A manifest at "/:id" stands for its
 * index, at "/:id/path" for that path; "/raw/:id" is the manifest itself.
 *
 * "/:id" also tells the tags as response headers in lower case, because messengers read a process'
 * tags there. Tags are written by strangers: names that mean something to HTTP are left out, and so
 * are values that are no visible ASCII. All of them together stay small enough for the connection's
 * buffer. An id names its bytes for ever, so it serves as the entity tag. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ar/files.h"
#include "ar/index.h"
#include "ar/limits.h"
#include "ar/manifest.h"
#include "ar/routes.h"
#include "arweave/base64url.h"
#include "http/range.h"

/* ---- tags as headers ---- */

/* Names, and beginnings of names (ending in '-'), that belong to HTTP. */
static const char *const reserved[] = {
    "accept-",
    "access-control-",
    "age",
    "allow",
    "alt-svc",
    "cache-control",
    "clear-site-data",
    "connection",
    "content-",
    "cross-origin-",
    "date",
    "etag",
    "expires",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "origin",
    "proxy-",
    "refresh",
    "retry-after",
    "sec-",
    "server",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "www-authenticate",
    "x-frame-options",
};

static bool is_reserved(const char *name) {
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
    size_t len = strlen(reserved[i]);
    bool prefix = reserved[i][len - 1] == '-';
    if (prefix ? strncmp(name, reserved[i], len) == 0 : strcmp(name, reserved[i]) == 0) return true;
  }
  return false;
}

/* The header's name for a tag; false when there cannot be one. */
static bool header_name(aod_slice_t tag, char name[AOD__TAG_HEADER_NAME_MAX + 1]) {
  if (tag.len == 0 || tag.len > AOD__TAG_HEADER_NAME_MAX) return false;
  for (size_t i = 0; i < tag.len; i++) {
    uint8_t c = tag.ptr[i];
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!allowed) return false;
    name[i] = (char)c;
  }
  name[tag.len] = 0;
  return !is_reserved(name);
}

static bool is_visible(aod_slice_t value) {
  for (size_t i = 0; i < value.len; i++)
    if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e) return false;
  return value.len > 0;
}

/* The first tag of a name counts, as everywhere in AO. */
static bool is_first(const aod_tags_t *tags, size_t index, const char *name) {
  for (size_t i = 0; i < index; i++)
    if (aod_slice_is_nocase(tags->list[i].name, name)) return false;
  return true;
}

static void add_tag_headers(aod_request_t *request, const aod_tags_t *tags) {
  size_t total = 0;
  for (size_t i = 0; i < tags->count; i++) {
    char name[AOD__TAG_HEADER_NAME_MAX + 1];
    aod_slice_t value = tags->list[i].value;
    if (!header_name(tags->list[i].name, name) || !is_visible(value)) continue;
    if (!is_first(tags, i, name)) continue;
    total += strlen(name) + value.len;
    if (total > AOD__TAG_HEADERS_MAX) return;
    aod_respond_header(request, name, value);
  }
}

/* ---- bytes ---- */

static void respond_bytes(aod_request_t *request, aod_ar_t *ar, const aod_ar_item_t *item,
                          int status, const char *type, uint64_t from, uint64_t len) {
  aod_error_t err;
  if (item->data_file) {
    const char *path = aod__files_path(ar, item->data_file, &request->arena);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
      aod_respond_file(request, status, type, fd, item->data_offset + from, len);
    else
      aod_respond_error(request, 500, "cannot open %s: %s", path, strerror(errno));
    return;
  }
  aod_buf_t data = {0};
  if (aod__index_data(ar, item, from, len, &data, &err) == AOD_OK) {
    aod_respond_buf(request, status, type, &data);
  } else {
    aod_buf_free(&data);
    aod__ar_respond_failure(request, &err);
  }
}

/* The type of the content as a header may carry it. */
static const char *content_type(aod_request_t *request, const aod_ar_item_t *item) {
  aod_slice_t type;
  if (!aod_ar_content_type(&item->tags, &type) || !is_visible(type) || type.len > 200)
    return "application/octet-stream";
  return (const char *)aod_arena_copy(&request->arena, type).ptr;
}

/* The entity tag, and whether the client has these bytes already. */
static bool is_unchanged(aod_request_t *request, const aod_ar_item_t *item) {
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(item->id, id);
  aod_slice_t tag = aod_text(aod_arena_printf(&request->arena, "\"%s\"", id));
  aod_respond_header(request, "ETag", tag);
  aod_slice_t known = aod_request_header(request, "If-None-Match");
  return known.len && memmem(known.ptr, known.len, tag.ptr, tag.len);
}

void aod__ar_respond_content(aod_request_t *request, aod_ar_t *ar, const aod_ar_item_t *item) {
  uint64_t from, len;
  unsigned long long total = item->data_len;
  aod_slice_t range = aod_request_header(request, "Range");
  int status = aod_range_parse(range, total, &from, &len);
  aod_respond_header(request, "Accept-Ranges", AOD_TEXT("bytes"));
  if (status == 400) {
    aod_respond_error(request, 400, "malformed Range header");
  } else if (status == 416) {
    const char *size = aod_arena_printf(&request->arena, "bytes */%llu", total);
    aod_respond_header(request, "Content-Range", aod_text(size));
    aod_respond_error(request, 416, "the content has %llu bytes", total);
  } else if (is_unchanged(request, item)) {
    aod_respond(request, 304, NULL, AOD_EMPTY);
  } else {
    unsigned long long first = from, last = from + len - 1;
    const char *part =
        aod_arena_printf(&request->arena, "bytes %llu-%llu/%llu", first, last, total);
    if (status == 206) aod_respond_header(request, "Content-Range", aod_text(part));
    respond_bytes(request, ar, item, status, content_type(request, item), from, len);
  }
}

/* ---- manifests ---- */

static bool is_manifest(const aod_ar_item_t *item) {
  aod_slice_t type;
  return aod_ar_content_type(&item->tags, &type) && aod_slice_is(type, AOD__MANIFEST_TYPE) &&
         item->data_len <= AOD__MANIFEST_BYTES_MAX;
}

/* Replace a manifest by what `path` means in it; false when the failure was answered. */
static bool follow_manifest(aod_request_t *request, aod_ar_t *ar, aod_slice_t path,
                            aod_ar_item_t *item) {
  aod_buf_t json = {0};
  uint8_t id[AOD_ID_BYTES];
  aod_error_t err;
  int code = aod_ar_data(ar, item, &json, &err);
  if (code == AOD_OK) code = aod__manifest_resolve(aod_buf_slice(&json), path, id, &err);
  if (code == AOD_OK) code = aod_ar_find(ar, id, &request->arena, item, &err);
  aod_buf_free(&json);
  if (code != AOD_OK) aod__ar_respond_failure(request, &err);
  return code == AOD_OK;
}

/* ---- handlers ---- */

void aod__ar_get_raw(aod_request_t *request, void *unit) {
  aod_ar_item_t item;
  if (aod__ar_request_item(request, unit, &item)) aod__ar_respond_content(request, unit, &item);
}

void aod__ar_get_content(aod_request_t *request, void *unit) {
  aod_ar_item_t item;
  if (!aod__ar_request_item(request, unit, &item)) return;
  if (is_manifest(&item) && !follow_manifest(request, unit, AOD_EMPTY, &item)) return;
  add_tag_headers(request, &item.tags);
  aod__ar_respond_content(request, unit, &item);
}

void aod__ar_get_path(aod_request_t *request, void *unit) {
  aod_ar_item_t item;
  if (!aod__ar_request_item(request, unit, &item)) return;
  if (!is_manifest(&item)) {
    aod_respond_error(request, 404, "not found: the id is no manifest");
  } else if (follow_manifest(request, unit, request->params[1], &item)) {
    add_tag_headers(request, &item.tags);
    aod__ar_respond_content(request, unit, &item);
  }
}
