/* Queries over the index: a page of what satisfies several conditions, in posting order.
 *
 * One condition drives: its matches come straight from an index in posting order, the others are
 * probed for each of them, and the walk ends as soon as the page is full. Which one drives decides
 * the cost ("Data-Protocol = ao" fits everything, "Name = x" three items), and SQLite cannot know;
 * so each condition's matches are counted first, up to PROBE_MAX, and the rarest one drives.
 *
 * The walk yields places in posting order only; items are loaded for those that stay. Tag
 * conditions other than equality are checked on the item's own tags. */
#include <stdlib.h>
#include <strings.h>

#include "ar/index.h"
#include "ar/limits.h"

enum { PROBE_MAX = 1000 };

/* ---- SQL with its bindings ---- */

typedef struct {
  bool is_int;
  aod_slice_t blob;
  int64_t number;
} binding_t;

typedef struct {
  aod_buf_t text, bindings; /* of binding_t */
} sql_t;

static void sql_text(sql_t *sql, const char *text) {
  aod_buf_text(&sql->text, text);
}

static void sql_binding(sql_t *sql, binding_t binding) {
  aod_buf_append(&sql->bindings, aod_slice(&binding, sizeof binding));
}

static void sql_int(sql_t *sql, const char *before, int64_t number) {
  sql_text(sql, before);
  sql_text(sql, "?");
  sql_binding(sql, (binding_t){.is_int = true, .number = number});
}

static void sql_blob(sql_t *sql, const char *before, aod_slice_t blob) {
  sql_text(sql, before);
  sql_text(sql, "?");
  sql_binding(sql, (binding_t){.blob = blob});
}

/* before "IN (?,?)"; an empty list matches nothing. */
static void sql_in(sql_t *sql, const char *before, const aod_slice_t *list, size_t count) {
  sql_text(sql, before);
  sql_text(sql, " IN (");
  for (size_t i = 0; i < count; i++) sql_blob(sql, i ? "," : "", list[i]);
  sql_text(sql, ")");
}

static void sql_free(sql_t *sql) {
  aod_buf_free(&sql->text);
  aod_buf_free(&sql->bindings);
}

/* The statement with everything bound; NULL on failure. Finalize it before the sql is freed. */
static sqlite3_stmt *sql_prepare(const sql_t *sql, aod_db_connection_t *connection,
                                 aod_error_t *err) {
  sqlite3_stmt *statement = aod_db_prepare_once(connection, aod_buf_slice(&sql->text), err);
  if (!statement) return NULL;
  const binding_t *bindings = (const binding_t *)sql->bindings.ptr;
  for (size_t i = 0; i < sql->bindings.len / sizeof *bindings; i++)
    if (bindings[i].is_int)
      aod_db_bind_int(statement, (int)i + 1, bindings[i].number);
    else
      aod_db_bind(statement, (int)i + 1, bindings[i].blob);
  return statement;
}

/* ---- conditions ---- */

/* One condition of a query: the keys of items, or one tag filter. */
typedef struct {
  enum { BY_ID, BY_OWNER, BY_RECIPIENT, BY_BUNDLE, BY_TAG } kind;
  const aod_slice_t *list;
  size_t count;
  const aod__tag_filter_t *tag;
} condition_t;

static void add_key_condition(condition_t *list, size_t *count, int kind,
                              const aod__key_filter_t *filter) {
  if (!filter->given) return;
  list[(*count)++] = (condition_t){kind, filter->list, filter->count, NULL};
}

static size_t list_conditions(const aod__index_query_t *query, condition_t *list) {
  size_t count = 0;
  add_key_condition(list, &count, BY_ID, &query->ids);
  add_key_condition(list, &count, BY_OWNER, &query->owners);
  add_key_condition(list, &count, BY_RECIPIENT, &query->recipients);
  add_key_condition(list, &count, BY_BUNDLE, &query->bundles);
  for (size_t i = 0; i < query->tag_count; i++) {
    const aod__tag_filter_t *tag = &query->tags[i];
    if (tag->name.len == 0) continue; /* no index leads to it: checked on the item */
    list[count++] = (condition_t){BY_TAG, tag->values, tag->value_count, tag};
  }
  return count;
}

/* Does SQL decide this tag condition, or the item's own tags? */
static bool is_equality(const aod__tag_filter_t *tag) {
  return tag->op == AOD__TAG_EQ && !tag->any_value && tag->name.len > 0;
}

/* "SELECT seq ..." of all that satisfy one condition, or may: a tag condition that is no equality
 * gives every item that has the tag. */
static void sql_matches(sql_t *sql, const condition_t *condition) {
  bool single = condition->count == 1;
  switch (condition->kind) {
  case BY_ID:
    sql_in(sql, "SELECT seq FROM items WHERE id", condition->list, condition->count);
    return;
  case BY_OWNER:
    if (single) {
      sql_blob(sql, "SELECT seq FROM items WHERE owner=(SELECT number FROM owners WHERE address=",
               condition->list[0]);
    } else {
      sql_in(sql, "SELECT seq FROM items WHERE owner IN (SELECT number FROM owners WHERE address",
             condition->list, condition->count);
    }
    sql_text(sql, ")");
    return;
  case BY_RECIPIENT:
    sql_in(sql, "SELECT seq FROM items WHERE target<>x'' AND target", condition->list,
           condition->count);
    return;
  case BY_BUNDLE:
    sql_in(sql,
           "SELECT seq FROM items WHERE parent IS NOT NULL AND parent IN (SELECT seq FROM items"
           " WHERE id",
           condition->list, condition->count);
    sql_text(sql, ")");
    return;
  case BY_TAG:
    break;
  }
  bool equality = is_equality(condition->tag);
  sql_text(sql, equality && single ? "SELECT" : "SELECT DISTINCT");
  sql_blob(sql, " seq FROM tags WHERE name=", condition->tag->name);
  if (equality && single)
    sql_blob(sql, " AND value=", condition->list[0]);
  else if (equality)
    sql_in(sql, " AND value", condition->list, condition->count);
}

/* " AND ..." for items that another condition found. */
static void sql_probe(sql_t *sql, const condition_t *condition) {
  switch (condition->kind) {
  case BY_ID:
    sql_in(sql, " AND i.id", condition->list, condition->count);
    return;
  case BY_RECIPIENT:
    sql_in(sql, " AND i.target", condition->list, condition->count);
    return;
  case BY_OWNER:
    sql_in(sql, " AND i.owner IN (SELECT number FROM owners WHERE address", condition->list,
           condition->count);
    sql_text(sql, ")");
    return;
  case BY_BUNDLE:
    sql_in(sql, " AND i.parent IN (SELECT seq FROM items WHERE id", condition->list,
           condition->count);
    sql_text(sql, ")");
    return;
  case BY_TAG:
    break;
  }
  if (!is_equality(condition->tag)) return; /* checked on the item */
  sql_blob(sql, " AND EXISTS (SELECT 1 FROM tags t WHERE t.name=", condition->tag->name);
  sql_in(sql, " AND t.value", condition->list, condition->count);
  sql_text(sql, " AND t.seq=i.seq)");
}

/* ---- which condition drives ---- */

/* How many items satisfy a condition, PROBE_MAX at most. */
static int count_matches(aod_db_connection_t *connection, const condition_t *condition,
                         int64_t *count, aod_error_t *err) {
  sql_t sql = {0};
  sql_text(&sql, "SELECT count(*) FROM (");
  sql_matches(&sql, condition);
  sql_int(&sql, " LIMIT ", PROBE_MAX);
  sql_text(&sql, ")");
  sqlite3_stmt *select = sql_prepare(&sql, connection, err);
  int code = select ? aod_db_step(select, err) : AOD_EIO;
  if (code > 0) *count = sqlite3_column_int64(select, 0);
  sqlite3_finalize(select);
  sql_free(&sql);
  return code < 0 ? code : AOD_OK;
}

/* The rarest condition, NULL when there is none. */
static int choose_driver(aod_db_connection_t *connection, const condition_t *list, size_t count,
                         const condition_t **driver, aod_error_t *err) {
  *driver = count == 1 || (count && list[0].kind == BY_ID) ? list : NULL;
  if (*driver || count == 0) return AOD_OK;
  int64_t best = INT64_MAX;
  for (size_t i = 0; i < count; i++) {
    int64_t matches = 0;
    int code = count_matches(connection, &list[i], &matches, err);
    if (code != AOD_OK) return code;
    if (matches >= best) continue;
    best = matches;
    *driver = &list[i];
  }
  return AOD_OK;
}

/* ---- the page's bounds in posting order ---- */

typedef struct {
  int64_t low, high; /* inclusive; empty when low > high */
} range_t;

/* Leave out what earlier pages showed. */
static void continue_after(const aod__index_query_t *query, range_t *range) {
  if (!query->has_after) return;
  aod_assert(query->after >= 0 && query->after < INT64_MAX);
  if (query->oldest_first && query->after >= range->low) range->low = query->after + 1;
  if (!query->oldest_first && query->after <= range->high) range->high = query->after - 1;
}

static int bound(aod_db_connection_t *connection, const char *sql, int64_t height, int64_t *seq,
                 aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(connection, sql);
  aod_db_bind_int(select, 1, height);
  int found = aod_db_step(select, err);
  if (found > 0) *seq = sqlite3_column_int64(select, 0);
  aod_db_reset(select);
  return found < 0 ? found : AOD_OK;
}

static int page_range(aod_db_connection_t *connection, const aod__index_query_t *query,
                      range_t *range, aod_error_t *err) {
  *range = (range_t){0, INT64_MAX};
  int code = AOD_OK;
  if (query->height_min > 0) {
    range->low = INT64_MAX; /* unless an item is that high */
    code = bound(connection, "SELECT seq FROM items WHERE height>=? ORDER BY height, seq LIMIT 1",
                 query->height_min, &range->low, err);
  }
  if (code == AOD_OK && (query->height_min > 0 || query->height_max < INT64_MAX)) {
    range->high = -1; /* what is pending has no height */
    code = bound(connection,
                 "SELECT seq FROM items WHERE height<=? ORDER BY height DESC, seq DESC LIMIT 1",
                 query->height_max, &range->high, err);
  }
  continue_after(query, range);
  return code;
}

/* ---- conditions on an item's own tags ---- */

/* `*` stands for any bytes. */
static bool wildcard_fits(aod_slice_t pattern, aod_slice_t text) {
  size_t p = 0, t = 0, star = SIZE_MAX, retry = 0;
  while (t < text.len) {
    if (p < pattern.len && pattern.ptr[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
      p++, t++;
    } else if (star != SIZE_MAX) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.len && pattern.ptr[p] == '*') p++;
  return p == pattern.len;
}

static bool is_word_byte(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
}

/* Take the next word off *text; empty at the end. */
static aod_slice_t next_word(aod_slice_t *text) {
  size_t from = 0, to;
  while (from < text->len && !is_word_byte(text->ptr[from])) from++;
  for (to = from; to < text->len && is_word_byte(text->ptr[to]);) to++;
  aod_slice_t word = aod_slice_sub(*text, from, to - from);
  *text = aod_slice_sub(*text, to, text->len);
  return word;
}

static bool has_word(aod_slice_t text, aod_slice_t word) {
  for (;;) {
    aod_slice_t next = next_word(&text);
    if (next.len == 0) return false;
    if (next.len == word.len &&
        strncasecmp((const char *)next.ptr, (const char *)word.ptr, word.len) == 0)
      return true;
  }
}

static bool fuzzy_fits(aod_slice_t words, aod_slice_t text, bool all) {
  aod_slice_t word;
  size_t wanted = 0, found = 0;
  while ((word = next_word(&words)).len) {
    wanted++;
    found += has_word(text, word);
  }
  return found > 0 && (!all || found == wanted);
}

static bool one_value_fits(aod__tag_op_t op, aod_slice_t wanted, aod_slice_t value) {
  switch (op) {
  case AOD__TAG_WILDCARD:
    return wildcard_fits(wanted, value);
  case AOD__TAG_FUZZY_AND:
  case AOD__TAG_FUZZY_OR:
    return fuzzy_fits(wanted, value, op == AOD__TAG_FUZZY_AND);
  case AOD__TAG_EQ:
  case AOD__TAG_NEQ:
    break;
  }
  return aod_slice_equal(wanted, value);
}

static bool value_fits(const aod__tag_filter_t *filter, aod_slice_t value) {
  if (filter->any_value) return true;
  for (size_t i = 0; i < filter->value_count; i++)
    if (one_value_fits(filter->op, filter->values[i], value)) return filter->op != AOD__TAG_NEQ;
  return filter->op == AOD__TAG_NEQ;
}

static bool name_fits(const aod__tag_filter_t *filter, aod_slice_t name) {
  return filter->name.len == 0 || aod_slice_equal(filter->name, name);
}

static bool item_fits(const aod__index_query_t *query, const aod_ar_item_t *item) {
  for (size_t f = 0; f < query->tag_count; f++) {
    const aod__tag_filter_t *filter = &query->tags[f];
    if (is_equality(filter)) continue;
    bool fits = false;
    for (size_t i = 0; i < item->tags.count && !fits; i++)
      fits = name_fits(filter, item->tags.list[i].name) &&
             value_fits(filter, item->tags.list[i].value);
    if (!fits) return false;
  }
  return true;
}

/* ---- items ---- */

static void compose(sql_t *sql, const aod__index_query_t *query, const condition_t *list,
                    size_t count, const condition_t *driver, range_t range) {
  const char *seq = driver ? "d.seq" : "i.seq";
  if (driver) {
    sql_text(sql, "SELECT d.seq FROM (");
    sql_matches(sql, driver);
    sql_text(sql, ") d CROSS JOIN items i ON i.seq=d.seq");
  } else {
    sql_text(sql, "SELECT i.seq FROM items i");
  }
  aod_buf_printf(&sql->text, " WHERE %s", seq);
  sql_int(sql, " BETWEEN ", range.low);
  sql_int(sql, " AND ", range.high);
  for (size_t i = 0; i < count; i++)
    if (&list[i] != driver) sql_probe(sql, &list[i]);
  aod_buf_printf(&sql->text, " ORDER BY %s %s", seq, query->oldest_first ? "ASC" : "DESC");
}

/* Look at the item's tags where SQL could not decide: 1 it stays, 0 it does not. */
static int check_item(aod_db_connection_t *connection, const aod__index_query_t *query, int64_t seq,
                      aod_error_t *err) {
  bool decided = true;
  for (size_t i = 0; i < query->tag_count; i++) decided &= is_equality(&query->tags[i]);
  if (decided) return 1;
  aod_arena_t scratch = {0};
  aod_ar_item_t item;
  int code = aod__index_item_at(connection, seq, &scratch, &item, err);
  if (code == AOD_OK) code = item_fits(query, &item);
  if (code == AOD_ENOTFOUND) code = 0; /* taken back just now */
  aod_arena_free(&scratch);
  return code;
}

/* Load the items that the walk yields until the page is full. */
static int walk(aod_db_connection_t *connection, sqlite3_stmt *places,
                const aod__index_query_t *query, aod_arena_t *arena, aod_ar_item_t *items,
                size_t *count, bool *more, aod_error_t *err) {
  int found;
  for (int examined = 0; (found = aod_db_step(places, err)) > 0; examined++) {
    if (examined == AOD__GRAPHQL_EXAMINED_MAX)
      return aod_fail(err, AOD_ELIMIT, "too many items to look at; add a narrower filter");
    int64_t seq = sqlite3_column_int64(places, 0);
    int fits = check_item(connection, query, seq, err);
    if (fits < 0) return fits;
    if (!fits) continue;
    *more = *count == query->limit;
    if (*more) return AOD_OK;
    int code = aod__index_item_at(connection, seq, arena, &items[*count], err);
    if (code == AOD_ENOTFOUND) continue; /* taken back just now */
    if (code != AOD_OK) return code;
    (*count)++;
  }
  return found;
}

static int query_on(aod_db_connection_t *connection, const aod__index_query_t *query,
                    aod_arena_t *arena, aod_ar_item_t *items, size_t *count, bool *more,
                    aod_error_t *err) {
  condition_t *list = aod_arena_alloc(arena, (4 + query->tag_count) * sizeof *list);
  size_t conditions = list_conditions(query, list);
  const condition_t *driver;
  range_t range;
  int code = choose_driver(connection, list, conditions, &driver, err);
  if (code == AOD_OK) code = page_range(connection, query, &range, err);
  if (code != AOD_OK || range.low > range.high) return code;
  sql_t sql = {0};
  compose(&sql, query, list, conditions, driver, range);
  sqlite3_stmt *places = sql_prepare(&sql, connection, err);
  code = places ? walk(connection, places, query, arena, items, count, more, err) : AOD_EIO;
  sqlite3_finalize(places);
  sql_free(&sql);
  return code;
}

int aod__index_query(aod_ar_t *ar, const aod__index_query_t *query, aod_arena_t *arena,
                     aod_ar_item_t **items, size_t *count, bool *more, aod_error_t *err) {
  *items = aod_arena_alloc(arena, query->limit * sizeof **items);
  *count = 0;
  *more = false;
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  int code = query_on(connection, query, arena, *items, count, more, err);
  aod_db_release(ar->db, connection);
  return code;
}

/* ---- blocks ---- */

static void compose_blocks(sql_t *sql, const aod__index_query_t *query) {
  range_t heights = {query->height_min, query->height_max};
  continue_after(query, &heights);
  sql_int(sql, "SELECT height,time_ms,hash,previous FROM blocks WHERE height BETWEEN ",
          heights.low);
  sql_int(sql, " AND ", heights.high);
  if (query->ids.given) sql_in(sql, " AND hash", query->ids.list, query->ids.count);
  sql_text(sql, query->oldest_first ? " ORDER BY height" : " ORDER BY height DESC");
  sql_int(sql, " LIMIT ", (int64_t)query->limit + 1);
}

int aod__index_query_blocks(aod_ar_t *ar, const aod__index_query_t *query, aod_arena_t *arena,
                            aod_ar_block_t **blocks, size_t *count, bool *more, aod_error_t *err) {
  *blocks = aod_arena_alloc(arena, query->limit * sizeof **blocks);
  *count = 0;
  *more = false;
  sql_t sql = {0};
  compose_blocks(&sql, query);
  aod_db_flush(ar->db);
  aod_db_connection_t *connection = aod_db_acquire(ar->db);
  sqlite3_stmt *select = sql_prepare(&sql, connection, err);
  int found = select ? 0 : AOD_EIO;
  while (select && !*more && (found = aod_db_step(select, err)) > 0) {
    *more = *count == query->limit;
    if (!*more) aod__index_read_block(select, 0, &(*blocks)[(*count)++]);
  }
  sqlite3_finalize(select);
  aod_db_release(ar->db, connection);
  sql_free(&sql);
  return found < 0 ? found : AOD_OK;
}
