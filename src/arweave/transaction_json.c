/* The JSON form of transactions: binary members are base64url, amounts are decimal strings. Numbers
 * are taken for them too, as long as a double holds them exactly: some clients write them. */
#include "arweave/base64url.h"
#include "arweave/transaction.h"
#include "base/json.h"

enum { DECIMAL_DIGITS_MAX = 40 };
#define EXACT_DOUBLE_MAX 9007199254740991.0

/* ---- reading ---- */

static const struct {
  const char *name;
  size_t at, len_max;
} binaries[] = {
    {"last_tx", offsetof(aod_transaction_t, last_tx), 48},
    {"owner", offsetof(aod_transaction_t, owner), 512},
    {"target", offsetof(aod_transaction_t, target), 32},
    {"data", offsetof(aod_transaction_t, data), SIZE_MAX},
    {"data_root", offsetof(aod_transaction_t, data_root), 32},
    {"signature", offsetof(aod_transaction_t, signature), 512},
};

static const struct {
  const char *name;
  size_t at;
  const char *fallback; /* when the member is missing */
} decimals[] = {
    {"quantity", offsetof(aod_transaction_t, quantity), "0"},
    {"reward", offsetof(aod_transaction_t, reward), "0"},
    {"denomination", offsetof(aod_transaction_t, denomination), ""},
};

static int decode(const json_t *text, const char *name, aod_arena_t *arena, aod_slice_t *bytes,
                  aod_error_t *err) {
  if (!json_is_string(text)) return aod_fail(err, AOD_EINPUT, "\"%s\" is not a string", name);
  aod_buf_t decoded = {0};
  int rc = aod_base64url_decode(aod_json_slice(text), &decoded, NULL);
  if (rc)
    rc = aod_fail(err, AOD_EINPUT, "\"%s\" is not base64url", name);
  else
    *bytes = decoded.len ? aod_arena_copy(arena, aod_buf_slice(&decoded)) : AOD_EMPTY;
  aod_buf_free(&decoded);
  return rc;
}

static int read_binary(const json_t *json, size_t which, aod_arena_t *arena,
                       aod_transaction_t *transaction, aod_error_t *err) {
  const char *name = binaries[which].name;
  aod_slice_t *bytes = (aod_slice_t *)((char *)transaction + binaries[which].at);
  const json_t *member = json_object_get(json, name);
  if (!member) return AOD_OK;
  int rc = decode(member, name, arena, bytes, err);
  if (!rc && bytes->len > binaries[which].len_max)
    rc = aod_fail(err, AOD_EINPUT, "\"%s\" has %zu bytes, at most %zu are allowed", name,
                  bytes->len, binaries[which].len_max);
  return rc;
}

static bool is_decimal(aod_slice_t text) {
  if (text.len == 0 || text.len > DECIMAL_DIGITS_MAX) return false;
  if (text.ptr[0] == '0') return text.len == 1;
  for (size_t i = 0; i < text.len; i++)
    if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
  return true;
}

static aod_slice_t decimal_of_number(const json_t *number, aod_arena_t *arena) {
  double value = json_number_value(number);
  if (!(value >= 0 && value <= EXACT_DOUBLE_MAX) || value != (double)(uint64_t)value)
    return AOD_EMPTY;
  return aod_text(aod_arena_printf(arena, "%.0f", value));
}

/* The member's text, or `fallback`, which lives for ever. */
static int read_decimal(const json_t *json, const char *name, const char *fallback,
                        aod_arena_t *arena, aod_slice_t *text, aod_error_t *err) {
  const json_t *member = json_object_get(json, name);
  *text = aod_text(fallback);
  if (!member) return AOD_OK;
  if (json_is_number(member))
    *text = decimal_of_number(member, arena);
  else
    *text = aod_arena_copy(arena, aod_json_slice(member));
  if (!is_decimal(*text)) return aod_fail(err, AOD_EINPUT, "\"%s\" is not a decimal number", name);
  return AOD_OK;
}

static int read_format(const json_t *json, aod_arena_t *arena, aod_transaction_t *transaction,
                       aod_error_t *err) {
  aod_slice_t text;
  int rc = read_decimal(json, "format", "1", arena, &text, err);
  if (rc) return rc;
  if (!aod_slice_is(text, "1") && !aod_slice_is(text, "2"))
    return aod_fail(err, AOD_EINPUT, "unsupported format %.*s", AOD_ARG(text));
  transaction->format = text.ptr[0] - '0';
  return AOD_OK;
}

static int read_data_size(const json_t *json, aod_arena_t *arena, aod_transaction_t *transaction,
                          aod_error_t *err) {
  aod_slice_t text;
  int rc = read_decimal(json, "data_size", "0", arena, &text, err);
  if (!rc && !aod_slice_to_u64(text, &transaction->data_size))
    rc = aod_fail(err, AOD_EINPUT, "\"data_size\" does not fit 64 bits");
  return rc;
}

static int read_tags(const json_t *json, aod_arena_t *arena, aod_tags_t *tags, aod_error_t *err) {
  const json_t *list = json_object_get(json, "tags");
  if (list && !json_is_array(list)) return aod_fail(err, AOD_EINPUT, "\"tags\" is not a list");
  tags->count = json_array_size(list);
  if (tags->count > AOD_TRANSACTION_TAGS_MAX)
    return aod_fail(err, AOD_EINPUT, "%zu tags, at most %d are allowed", tags->count,
                    AOD_TRANSACTION_TAGS_MAX);
  tags->list = tags->count ? aod_arena_alloc(arena, tags->count * sizeof *tags->list) : NULL;
  for (size_t i = 0; i < tags->count; i++) {
    const json_t *tag = json_array_get(list, i);
    int rc = decode(json_object_get(tag, "name"), "name of a tag", arena, &tags->list[i].name, err);
    if (!rc)
      rc =
          decode(json_object_get(tag, "value"), "value of a tag", arena, &tags->list[i].value, err);
    if (rc) return rc;
  }
  return AOD_OK;
}

static int read_members(const json_t *json, aod_arena_t *arena, aod_transaction_t *transaction,
                        aod_error_t *err) {
  int rc = read_format(json, arena, transaction, err);
  for (size_t i = 0; !rc && i < sizeof binaries / sizeof *binaries; i++)
    rc = read_binary(json, i, arena, transaction, err);
  for (size_t i = 0; !rc && i < sizeof decimals / sizeof *decimals; i++)
    rc = read_decimal(json, decimals[i].name, decimals[i].fallback, arena,
                      (aod_slice_t *)((char *)transaction + decimals[i].at), err);
  if (!rc) rc = read_data_size(json, arena, transaction, err);
  return rc ? rc : read_tags(json, arena, &transaction->tags, err);
}

int aod_transaction_from_json(const json_t *json, aod_arena_t *arena,
                              aod_transaction_t *transaction, aod_error_t *err) {
  *transaction = (aod_transaction_t){0};
  if (!json_is_object(json)) return aod_fail(err, AOD_EINPUT, "transaction is not a JSON object");
  int rc = read_members(json, arena, transaction, err);
  if (rc) return rc;
  if (!aod_id_decode(aod_json_get_string(json, "id"), transaction->id))
    return aod_fail(err, AOD_EINPUT, "\"id\" is not an id of 43 characters");
  if (transaction->signature.len == 0) return aod_fail(err, AOD_EINPUT, "\"signature\" is missing");
  if (transaction->format == 1) transaction->data_size = transaction->data.len;
  return AOD_OK;
}

int aod_transaction_parse(aod_slice_t json, aod_arena_t *arena, aod_transaction_t *transaction,
                          aod_error_t *err) {
  json_t *value;
  int rc = aod_json_parse(json, &value, err);
  if (rc) return rc;
  rc = aod_transaction_from_json(value, arena, transaction, err);
  json_decref(value);
  return rc;
}

/* ---- writing ---- */

/* Name before value: nodes drop tags that are written otherwise. */
static void write_tags(aod_buf_t *json, const aod_tags_t *tags) {
  aod_json_key(json, "tags");
  aod_buf_byte(json, '[');
  for (size_t i = 0; i < tags->count; i++) {
    aod_json_separate(json);
    aod_buf_byte(json, '{');
    aod_base64url_member(json, "name", tags->list[i].name);
    aod_base64url_member(json, "value", tags->list[i].value);
    aod_buf_byte(json, '}');
  }
  aod_buf_byte(json, ']');
}

void aod_transaction_write(const aod_transaction_t *transaction, bool with_data, aod_buf_t *json) {
  aod_json_separate(json);
  aod_buf_byte(json, '{');
  aod_json_key_int(json, "format", transaction->format);
  aod_base64url_member(json, "id", aod_slice(transaction->id, AOD_ID_BYTES));
  aod_base64url_member(json, "last_tx", transaction->last_tx);
  aod_base64url_member(json, "owner", transaction->owner);
  write_tags(json, &transaction->tags);
  aod_base64url_member(json, "target", transaction->target);
  aod_json_key_string(json, "quantity", transaction->quantity);
  aod_base64url_member(json, "data", with_data ? transaction->data : AOD_EMPTY);
  aod_json_key(json, "data_size");
  aod_buf_printf(json, "\"%llu\"", (unsigned long long)transaction->data_size);
  aod_json_key_raw(json, "data_tree", AOD_TEXT("[]"));
  aod_base64url_member(json, "data_root", transaction->data_root);
  aod_json_key_string(json, "reward", transaction->reward);
  aod_base64url_member(json, "signature", transaction->signature);
  if (transaction->denomination.len)
    aod_json_key_string(json, "denomination", transaction->denomination);
  aod_buf_byte(json, '}');
}
