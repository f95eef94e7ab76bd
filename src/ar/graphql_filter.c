/* GraphQL arguments as conditions of a query on the index.
 *
 * A single value stands for a list of one, as the language says. Ids and addresses that cannot be
 * any are not an error: they match nothing (aos asks for the owners [address, ""]). */
#include "ar/graphql.h"
#include "arweave/base64url.h"

enum { HASH_BYTES = 48 };

static int wrong_type(aod_error_t *err, const char *expected) {
  return aod_fail(err, AOD_EINPUT, "expects %s.", expected);
}

/* ---- strings and lists ---- */

/* The strings of a list, or the single string; GraphQL's ID may be written as a number. */
static int read_strings(const aod__value_t *value, aod_arena_t *arena, const aod_slice_t **list,
                        size_t *count, aod_error_t *err) {
  const aod__value_t *entry = value->kind == AOD__VALUE_LIST ? value->first : value;
  aod_slice_t *strings = aod_arena_alloc(arena, AOD__GRAPHQL_LIST_MAX * sizeof *strings);
  size_t found = 0;
  for (; entry; entry = value->kind == AOD__VALUE_LIST ? entry->next : NULL) {
    if (entry->kind != AOD__VALUE_STRING && entry->kind != AOD__VALUE_INT)
      return wrong_type(err, "strings");
    if (found == AOD__GRAPHQL_LIST_MAX)
      return aod_fail(err, AOD_EINPUT, "has more than %d entries.", AOD__GRAPHQL_LIST_MAX);
    strings[found++] = entry->text;
  }
  *list = strings;
  *count = found;
  return AOD_OK;
}

/* Decode base64url keys of `bytes` bytes; what is none is left out. */
static int read_keys(const aod__value_t *value, size_t bytes, aod_arena_t *arena,
                     aod__key_filter_t *filter, aod_error_t *err) {
  const aod_slice_t *texts;
  size_t count;
  int code = read_strings(value, arena, &texts, &count, err);
  if (code != AOD_OK) return code;
  aod_slice_t *keys = aod_arena_alloc(arena, count * sizeof *keys + 1);
  filter->given = true;
  filter->list = keys;
  for (size_t i = 0; i < count; i++) {
    aod_buf_t key = {0};
    bool good = aod_base64url_decode(texts[i], &key, NULL) == AOD_OK && key.len == bytes;
    if (good) keys[filter->count++] = aod_arena_copy(arena, aod_buf_slice(&key));
    aod_buf_free(&key);
  }
  return AOD_OK;
}

static int read_ids(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                    aod_error_t *err) {
  return read_keys(value, AOD_ID_BYTES, arena, &query->ids, err);
}

static int read_owners(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                       aod_error_t *err) {
  return read_keys(value, AOD_ID_BYTES, arena, &query->owners, err);
}

static int read_recipients(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                           aod_error_t *err) {
  return read_keys(value, AOD_ID_BYTES, arena, &query->recipients, err);
}

static int read_hashes(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                       aod_error_t *err) {
  return read_keys(value, HASH_BYTES, arena, &query->ids, err);
}

static int read_bundled_in(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                           aod_error_t *err) {
  return read_keys(value, AOD_ID_BYTES, arena, &query->bundles, err);
}

/* ---- tags ---- */

typedef struct {
  const char *text;
  int value;
} word_t;

static int read_word(const aod__value_t *value, const word_t *words, int *found, aod_error_t *err) {
  bool is_word = value->kind == AOD__VALUE_ENUM || value->kind == AOD__VALUE_STRING;
  for (; is_word && words->text; words++) {
    if (!aod_slice_is(value->text, words->text)) continue;
    *found = words->value;
    return AOD_OK;
  }
  return aod_fail(err, AOD_EINPUT, "does not know the value \"%.*s\".", AOD_ARG(value->text));
}

static const word_t op_words[] = {{"EQ", AOD__TAG_EQ}, {"NEQ", AOD__TAG_NEQ}, {0}};
static const word_t match_words[] = {{"EXACT", AOD__TAG_EQ},
                                     {"WILDCARD", AOD__TAG_WILDCARD},
                                     {"FUZZY_AND", AOD__TAG_FUZZY_AND},
                                     {"FUZZY_OR", AOD__TAG_FUZZY_OR},
                                     {0}};

static int read_tag_member(const aod__value_t *member, aod_arena_t *arena,
                           aod__tag_filter_t *filter, int *op, int *match, aod_error_t *err) {
  if (aod_slice_is(member->name, "name")) {
    filter->name = member->text;
    return member->kind == AOD__VALUE_STRING ? AOD_OK : wrong_type(err, "a string as name");
  }
  if (aod_slice_is(member->name, "values")) {
    filter->any_value = false;
    return read_strings(member, arena, &filter->values, &filter->value_count, err);
  }
  if (aod_slice_is(member->name, "op")) return read_word(member, op_words, op, err);
  if (aod_slice_is(member->name, "match")) return read_word(member, match_words, match, err);
  return aod_fail(err, AOD_EINPUT, "has no member \"%.*s\".", AOD_ARG(member->name));
}

static int read_tag(const aod__value_t *value, aod_arena_t *arena, aod__tag_filter_t *filter,
                    aod_error_t *err) {
  if (value->kind != AOD__VALUE_OBJECT) return wrong_type(err, "objects {name, values}");
  int op = AOD__TAG_EQ, match = AOD__TAG_EQ;
  *filter = (aod__tag_filter_t){.any_value = true};
  for (const aod__value_t *member = value->first; member; member = member->next) {
    int code = read_tag_member(member, arena, filter, &op, &match, err);
    if (code != AOD_OK) return code;
  }
  if (filter->name.len == 0 && filter->any_value)
    return wrong_type(err, "a name or values in every filter");
  if (match != AOD__TAG_EQ && op == AOD__TAG_NEQ)
    return wrong_type(err, "match EXACT together with op NEQ");
  filter->op = (aod__tag_op_t)(match != AOD__TAG_EQ ? match : op);
  return AOD_OK;
}

static int read_tags(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                     aod_error_t *err) {
  bool is_list = value->kind == AOD__VALUE_LIST;
  aod__tag_filter_t *filters = aod_arena_alloc(arena, AOD_TAGS_MAX * sizeof *filters);
  query->tags = filters;
  for (const aod__value_t *entry = is_list ? value->first : value; entry;
       entry = is_list ? entry->next : NULL) {
    if (query->tag_count == AOD_TAGS_MAX)
      return aod_fail(err, AOD_EINPUT, "has more than %d filters.", AOD_TAGS_MAX);
    int code = read_tag(entry, arena, &filters[query->tag_count++], err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

/* ---- numbers and pages ---- */

static int read_int(const aod__value_t *value, int64_t *number, aod_error_t *err) {
  aod_slice_t digits = value->text;
  bool negative = digits.len && digits.ptr[0] == '-';
  if (negative) digits = aod_slice_sub(digits, 1, digits.len);
  uint64_t size;
  if (value->kind != AOD__VALUE_INT || !aod_slice_to_u64(digits, &size) || size > INT64_MAX)
    return wrong_type(err, "an integer");
  *number = negative ? -(int64_t)size : (int64_t)size;
  return AOD_OK;
}

static int read_heights(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                        aod_error_t *err) {
  (void)arena;
  if (value->kind != AOD__VALUE_OBJECT) return wrong_type(err, "an object {min, max}");
  for (const aod__value_t *member = value->first; member; member = member->next) {
    int64_t *bound = aod_slice_is(member->name, "min")   ? &query->height_min
                     : aod_slice_is(member->name, "max") ? &query->height_max
                                                         : NULL;
    if (!bound) return aod_fail(err, AOD_EINPUT, "has no member \"%.*s\".", AOD_ARG(member->name));
    int code = read_int(member, bound, err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

static int read_first(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                      aod_error_t *err) {
  (void)arena;
  int64_t first;
  int code = read_int(value, &first, err);
  if (code != AOD_OK) return code;
  if (first < 0) return wrong_type(err, "no negative number");
  query->limit = first > AOD__GRAPHQL_FIRST_MAX ? AOD__GRAPHQL_FIRST_MAX : (size_t)first;
  return AOD_OK;
}

/* A cursor is the place in posting order, or the height, in decimal. */
static int read_after(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                      aod_error_t *err) {
  (void)arena;
  if (value->kind != AOD__VALUE_STRING) return wrong_type(err, "a cursor");
  if (value->text.len == 0) return AOD_OK;
  uint64_t place;
  if (!aod_slice_to_u64(value->text, &place) || place >= INT64_MAX)
    return aod_fail(err, AOD_EINPUT, "is no cursor of this gateway.");
  query->has_after = true;
  query->after = (int64_t)place;
  return AOD_OK;
}

static int read_sort(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
                     aod_error_t *err) {
  (void)arena;
  static const word_t sort_words[] = {{"HEIGHT_DESC", false},
                                      {"HEIGHT_ASC", true},
                                      {"INGESTED_AT_DESC", false},
                                      {"INGESTED_AT_ASC", true},
                                      {0}};
  int oldest_first = false;
  int code = read_word(value, sort_words, &oldest_first, err);
  if (code == AOD_OK) query->oldest_first = oldest_first;
  return code;
}

/* ---- what each field takes ---- */

const aod__gql_argument_t aod__graphql_transaction_arguments[] = {{"id", read_ids}, {0}};

const aod__gql_argument_t aod__graphql_transactions_arguments[] = {
    {"ids", read_ids},
    {"owners", read_owners},
    {"recipients", read_recipients},
    {"tags", read_tags},
    {"bundledIn", read_bundled_in},
    {"block", read_heights},
    {"first", read_first},
    {"after", read_after},
    {"sort", read_sort},
    {0},
};

const aod__gql_argument_t aod__graphql_block_arguments[] = {{"id", read_hashes}, {0}};

const aod__gql_argument_t aod__graphql_blocks_arguments[] = {
    {"ids", read_hashes},  {"height", read_heights}, {"first", read_first},
    {"after", read_after}, {"sort", read_sort},      {0},
};
