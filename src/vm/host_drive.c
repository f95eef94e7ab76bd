/* The three functions with which newer modules replace fopen, fread and fclose. What they open
 * becomes a file in the message's tree, with the quirks that modules have come to rely on: see
 * aod_origin_t.
 *
 * A drive's callbacks return before anything here fails, so that a trap loses nothing. */
#include "vm/host_files.h"

#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/json.h"

#define NOT_FOUND      "HALT: FILE NOT FOUND" /* the reference's words, after which it hangs */
#define NAME_BYTES_MAX 255

/* ---- failing ---- */

/* A refusal is an answer, the message's Error; that a drive cannot answer is none. */
static void check(aod_host_t *host, int code, const aod_error_t *error) {
  if (code == AOD_OK) return;
  if (code == AOD_ENOTFOUND) aod_host_fail(host, NOT_FOUND);
  if (code != AOD_EUNSUPPORTED) {
    host->outage = *error;
    host->outage.code = code; /* whether or not the drive filled it in */
  }
  aod_host_fail(host, "%s", error->message);
}

/* ---- opening ---- */

typedef struct {
  aod_slice_t path, category, name; /* "/data/<id>", in host->scratch_path */
} target_t;

static void require_id(aod_host_t *host, const target_t *target, uint8_t id[32]) {
  if (!aod_id_decode(target->name, id)) aod_host_fail(host, NOT_FOUND);
}

static aod_node_t *create(aod_host_t *host, const target_t *target, aod_origin_t origin) {
  aod_files_t *files = aod__host_tree(host);
  aod_node_t *node;
  size_t folder_len = 1 + target->category.len;
  aod_slice_t folder = aod_slice_sub(target->path, 0, folder_len);
  if (aod_files_lookup(files, folder, true, &node))
    aod_files_create(files, folder, AOD_FILE_DIRECTORY | 0777, &node);
  if (aod_files_create(files, target->path, AOD_FILE_REGULAR | 0444, &node))
    aod_host_fail(host, NOT_FOUND);
  node->origin = origin;
  return node;
}

/* A file of the JSON text in host->scratch. */
static void create_header(aod_host_t *host, const target_t *target) {
  aod_host_charge(host, host->scratch.len);
  aod_node_t *node = create(host, target, AOD_ORIGIN_HEADER);
  if (aod_files_write(host->files, node, 0, aod_buf_slice(&host->scratch)) < 0)
    aod_host_fail(host, "%.*s is too large to be read", AOD_ARG(target->path));
}

/* Modules get the owner's address with the transaction. */
static int add_owner_address(aod_buf_t *json, aod_error_t *err) {
  json_t *transaction;
  int code = aod_json_parse(aod_buf_slice(json), &transaction, err);
  if (code != AOD_OK) return code;
  aod_buf_t owner = {0};
  uint8_t digest[32];
  char address[44];
  code = aod_base64url_decode(aod_json_get_string(transaction, "owner"), &owner, err);
  aod_sha256(aod_buf_slice(&owner), digest);
  aod_id_encode(digest, address);
  json_object_set_new(transaction, "ownerAddress", json_string(address));
  aod_buf_clear(json);
  aod_json_value(json, transaction);
  json_decref(transaction);
  aod_buf_free(&owner);
  return code;
}

static void fetch_transaction(aod_host_t *host, const target_t *target) {
  uint8_t id[32];
  aod_error_t error = {0};
  require_id(host, target, id);
  int code = host->drive->transaction(host->drive->context, id, &host->scratch, &error);
  if (code == AOD_OK) code = add_owner_address(&host->scratch, &error);
  check(host, code, &error);
  create_header(host, target);
}

static void fetch_block(aod_host_t *host, const target_t *target) {
  uint64_t height;
  aod_error_t error = {0};
  if (!aod_slice_to_u64(target->name, &height)) aod_host_fail(host, NOT_FOUND);
  check(host, host->drive->block(host->drive->context, height, &host->scratch, &error), &error);
  create_header(host, target);
}

static void fetch_data(aod_host_t *host, const target_t *target) {
  uint8_t id[32];
  uint64_t bytes;
  bool admitted;
  aod_error_t error = {0};
  require_id(host, target, id);
  check(host, aod__drive_admits(host->drive, host->msg, host->env, target->name, &admitted, &error),
        &error);
  if (!admitted) aod_host_fail(host, NOT_FOUND);
  check(host, host->drive->size(host->drive->context, id, &bytes, &error), &error);
  aod_node_t *node = create(host, target, AOD_ORIGIN_ITEM);
  node->remote_bytes = bytes;
  memcpy(node->id, id, sizeof id);
}

typedef void fetch_t(aod_host_t *host, const target_t *target);

static fetch_t *fetch_of(aod_slice_t category) {
  static const struct {
    const char *category;
    fetch_t *fetch;
  } rows[] = {{"tx", fetch_transaction}, {"block", fetch_block}, {"data", fetch_data}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (aod_slice_is(category, rows[i].category)) return rows[i].fetch;
  return NULL;
}

/* The descriptor; what was opened before in this message is not asked for again. */
static uint32_t open_target(aod_host_t *host, target_t *target, fetch_t *fetch) {
  aod_node_t *node;
  if (target->name.len > NAME_BYTES_MAX) aod_host_fail(host, NOT_FOUND);
  aod_buf_clear(&host->scratch);
  aod_buf_clear(&host->scratch_path);
  aod_buf_printf(&host->scratch_path, "/%.*s/%.*s", AOD_ARG(target->category),
                 AOD_ARG(target->name));
  target->path = aod_buf_slice(&host->scratch_path);
  if (aod_files_lookup(aod__host_tree(host), target->path, true, &node) ||
      !aod_node_is(node, AOD_FILE_REGULAR))
    fetch(host, target);
  int descriptor = aod_files_open(host->files, target->path, 0, 0);
  return descriptor > 0 ? (uint32_t)descriptor : 0;
}

/* path, mode: a descriptor, or 0 for what is no file of the drive. The second and third piece of
 * the path decide, whatever stands before and behind. */
void aod__host_drive_open(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  aod_slice_t path = host->drive ? aod_host_string(host, slots[0]) : AOD_EMPTY;
  aod_slice_cut(&path, '/');
  target_t target = {.category = aod_slice_cut(&path, '/')};
  target.name = aod_slice_cut(&path, '/');
  fetch_t *fetch = fetch_of(target.category);
  slots[0] = fetch ? open_target(host, &target, fetch) : 0;
}

/* ---- reading ---- */

static uint64_t read_header(aod_host_t *host, const aod_node_t *node, uint64_t to, uint64_t len) {
  uint64_t part = len < node->content.len ? len : node->content.len;
  aod_host_charge(host, part);
  aod_node_read(node, 0, aod_host_write(host, to, part), part);
  return len;
}

static uint64_t read_item(aod_host_t *host, aod_stream_t *stream, uint64_t to, uint64_t len) {
  const aod_node_t *node = stream->node;
  uint64_t from = stream->from_end ? 0 : (uint64_t)stream->position;
  uint64_t left = from < node->remote_bytes ? node->remote_bytes - from : 0;
  uint64_t part = len < left ? len : left;
  aod_host_charge(host, part);
  uint8_t *at = aod_host_write(host, to, part);
  aod_error_t error = {0};
  if (part)
    check(host, host->drive->read(host->drive->context, node->id, from, at, part, &error), &error);
  stream->position += (int64_t)part;
  return part;
}

static uint64_t read_local(aod_host_t *host, aod_stream_t *stream, uint64_t to, uint64_t len) {
  if (!aod_node_is(stream->node, AOD_FILE_REGULAR)) return 0;
  aod_slice_t content = aod_buf_slice(&stream->node->content);
  uint64_t part = aod_slice_sub(content, (size_t)stream->position, (size_t)len).len;
  aod_host_charge(host, part);
  aod_node_read(stream->node, stream->position, aod_host_write(host, to, part), part);
  stream->position += (int64_t)part;
  return part;
}

/* descriptor, where to, how many bytes: how many were delivered */
void aod__host_drive_read(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  uint64_t to = slots[1], len = slots[2];
  aod_stream_t *stream =
      host->drive ? aod_files_stream(aod__host_tree(host), (int32_t)slots[0]) : NULL;
  if (!stream)
    slots[0] = 0;
  else if (stream->node->origin == AOD_ORIGIN_HEADER)
    slots[0] = (uint32_t)read_header(host, stream->node, to, len);
  else if (stream->node->origin == AOD_ORIGIN_ITEM)
    slots[0] = (uint32_t)read_item(host, stream, to, len);
  else
    slots[0] = (uint32_t)read_local(host, stream, to, len);
}

/* descriptor */
void aod__host_drive_close(aod_wasm_instance_t *instance, uint64_t *slots) {
  aod_host_t *host = aod_host_of(instance);
  if (host->drive) aod_files_close(aod__host_tree(host), (int32_t)slots[0]);
  slots[0] = 0;
}
