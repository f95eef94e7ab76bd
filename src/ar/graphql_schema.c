/* The schema of the gateway as tables: what each type's fields are called, and how each is written.
 *
 * Every object is one of the index's own structs; a connection is a page_t, and its edges are the
 * entries themselves, whose cursor is their place. */
#include "ar/graphql.h"
#include "ar/json.h"
#include "arweave/base64url.h"

typedef struct {
  bool more;
  size_t count;
  const aod_ar_item_t *items; /* one of the two */
  const aod_ar_block_t *blocks;
} page_t;

static const void *itself(const void *object) {
  return object;
}

/* ---- blocks ---- */

static void block_id(aod_buf_t *json, const void *object) {
  const aod_ar_block_t *block = object;
  aod__json_base64url(json, aod_slice(block->hash, sizeof block->hash));
}

static void block_previous(aod_buf_t *json, const void *object) {
  const aod_ar_block_t *block = object;
  aod_slice_t previous = aod_slice(block->previous, sizeof block->previous);
  aod__json_base64url(json, block->height == 0 ? AOD_EMPTY : previous);
}

static void block_timestamp(aod_buf_t *json, const void *object) {
  aod_buf_printf(json, "%lld", (long long)((const aod_ar_block_t *)object)->time_ms / 1000);
}

static void block_height(aod_buf_t *json, const void *object) {
  aod_buf_printf(json, "%lld", (long long)((const aod_ar_block_t *)object)->height);
}

static const aod__gql_type_t block_type = {
    "Block", (const aod__gql_field_t[]){{"id", .leaf = block_id},
                                        {"timestamp", .leaf = block_timestamp},
                                        {"height", .leaf = block_height},
                                        {"previous", .leaf = block_previous},
                                        {0}}};

/* ---- parts of a transaction ---- */

static void owner_address(aod_buf_t *json, const void *object) {
  aod__json_base64url(json,
                      aod_slice(((const aod_ar_item_t *)object)->owner_address, AOD_ID_BYTES));
}

static void owner_key(aod_buf_t *json, const void *object) {
  aod__json_base64url(json, ((const aod_ar_item_t *)object)->owner);
}

static const aod__gql_type_t owner_type = {
    "Owner", (const aod__gql_field_t[]){
                 {"address", .leaf = owner_address}, {"key", .leaf = owner_key}, {0}}};

/* An amount's text in winston; of what has none it is "0". */
static aod_slice_t digits_of(const void *object) {
  const aod_slice_t *digits = object;
  return digits->len ? *digits : AOD_TEXT("0");
}

static void amount_winston(aod_buf_t *json, const void *object) {
  aod_json_string(json, digits_of(object));
}

/* 10^12 winston are one AR; always twelve decimals. */
static void amount_ar(aod_buf_t *json, const void *object) {
  enum { DECIMALS = 12 };
  aod_slice_t digits = digits_of(object);
  size_t whole = digits.len > DECIMALS ? digits.len - DECIMALS : 0;
  aod_buf_printf(json, "\"%.*s.", whole ? (int)whole : 1, whole ? (const char *)digits.ptr : "0");
  for (size_t i = digits.len - whole; i < DECIMALS; i++) aod_buf_byte(json, '0');
  aod_buf_append(json, aod_slice_sub(digits, whole, DECIMALS));
  aod_buf_byte(json, '"');
}

static const aod__gql_type_t amount_type = {
    "Amount", (const aod__gql_field_t[]){
                  {"winston", .leaf = amount_winston}, {"ar", .leaf = amount_ar}, {0}}};

static void data_size(aod_buf_t *json, const void *object) {
  aod_buf_printf(json, "\"%llu\"", (unsigned long long)((const aod_ar_item_t *)object)->data_len);
}

static void data_type(aod_buf_t *json, const void *object) {
  aod_slice_t type;
  if (aod_ar_content_type(&((const aod_ar_item_t *)object)->tags, &type))
    aod_json_string(json, type);
  else
    aod_buf_text(json, "null");
}

static const aod__gql_type_t data_type_type = {
    "MetaData",
    (const aod__gql_field_t[]){{"size", .leaf = data_size}, {"type", .leaf = data_type}, {0}}};

static void tag_name(aod_buf_t *json, const void *object) {
  aod_json_string(json, ((const aod_tag_t *)object)->name);
}

static void tag_value(aod_buf_t *json, const void *object) {
  aod_json_string(json, ((const aod_tag_t *)object)->value);
}

static const aod__gql_type_t tag_type = {
    "Tag",
    (const aod__gql_field_t[]){{"name", .leaf = tag_name}, {"value", .leaf = tag_value}, {0}}};

static void bundle_id(aod_buf_t *json, const void *object) {
  aod__json_base64url(json, aod_slice(((const aod_ar_item_t *)object)->parent, AOD_ID_BYTES));
}

static const aod__gql_type_t bundle_type = {
    "Bundle", (const aod__gql_field_t[]){{"id", .leaf = bundle_id}, {0}}};

/* ---- transactions ---- */

static void item_id(aod_buf_t *json, const void *object) {
  aod__json_base64url(json, aod_slice(((const aod_ar_item_t *)object)->id, AOD_ID_BYTES));
}

static void item_anchor(aod_buf_t *json, const void *object) {
  aod__json_base64url(json, ((const aod_ar_item_t *)object)->anchor);
}

static void item_signature(aod_buf_t *json, const void *object) {
  aod__json_base64url(json, ((const aod_ar_item_t *)object)->signature);
}

static void item_signature_type(aod_buf_t *json, const void *object) {
  aod_buf_printf(json, "%d", ((const aod_ar_item_t *)object)->signature_type);
}

static void item_recipient(aod_buf_t *json, const void *object) {
  aod__json_base64url(json, ((const aod_ar_item_t *)object)->target);
}

static size_t item_tag_count(const void *object) {
  return ((const aod_ar_item_t *)object)->tags.count;
}

static const void *item_tag_at(const void *object, size_t index) {
  return &((const aod_ar_item_t *)object)->tags.list[index];
}

static const void *item_block(const void *object) {
  const aod_ar_item_t *item = object;
  return item->pending ? NULL : &item->block;
}

static const void *item_bundle(const void *object) {
  return ((const aod_ar_item_t *)object)->bundled ? object : NULL;
}

static const void *item_fee(const void *object) {
  return &((const aod_ar_item_t *)object)->reward;
}

static const void *item_quantity(const void *object) {
  return &((const aod_ar_item_t *)object)->quantity;
}

static const aod__gql_type_t transaction_type = {
    "Transaction",
    (const aod__gql_field_t[]){{"id", .leaf = item_id},
                               {"anchor", .leaf = item_anchor},
                               {"signature", .leaf = item_signature},
                               {"signatureType", .leaf = item_signature_type},
                               {"recipient", .leaf = item_recipient},
                               {"owner", &owner_type, .child = itself},
                               {"fee", &amount_type, .child = item_fee},
                               {"quantity", &amount_type, .child = item_quantity},
                               {"data", &data_type_type, .child = itself},
                               {"tags", &tag_type, .count = item_tag_count, .at = item_tag_at},
                               {"block", &block_type, .child = item_block},
                               {"parent", &bundle_type, .child = item_bundle},
                               {"bundledIn", &bundle_type, .child = item_bundle},
                               {0}}};

/* ---- pages ---- */

static void page_more(aod_buf_t *json, const void *object) {
  aod_buf_text(json, ((const page_t *)object)->more ? "true" : "false");
}

static size_t page_count(const void *object) {
  return ((const page_t *)object)->count;
}

static const void *page_item(const void *object, size_t index) {
  return &((const page_t *)object)->items[index];
}

static const void *page_block(const void *object, size_t index) {
  return &((const page_t *)object)->blocks[index];
}

static void item_cursor(aod_buf_t *json, const void *object) {
  aod_buf_printf(json, "\"%lld\"", (long long)((const aod_ar_item_t *)object)->sequence);
}

static void block_cursor(aod_buf_t *json, const void *object) {
  aod_buf_printf(json, "\"%lld\"", (long long)((const aod_ar_block_t *)object)->height);
}

static const aod__gql_type_t page_info_type = {
    "PageInfo", (const aod__gql_field_t[]){{"hasNextPage", .leaf = page_more}, {0}}};

static const aod__gql_type_t transaction_edge_type = {
    "TransactionEdge", (const aod__gql_field_t[]){{"cursor", .leaf = item_cursor},
                                                  {"node", &transaction_type, .child = itself},
                                                  {0}}};

static const aod__gql_type_t block_edge_type = {
    "BlockEdge", (const aod__gql_field_t[]){{"cursor", .leaf = block_cursor},
                                            {"node", &block_type, .child = itself},
                                            {0}}};

static const aod__gql_type_t transaction_connection_type = {
    "TransactionConnection",
    (const aod__gql_field_t[]){
        {"pageInfo", &page_info_type, .child = itself},
        {"edges", &transaction_edge_type, .count = page_count, .at = page_item},
        {0}}};

static const aod__gql_type_t block_connection_type = {
    "BlockConnection",
    (const aod__gql_field_t[]){{"pageInfo", &page_info_type, .child = itself},
                               {"edges", &block_edge_type, .count = page_count, .at = page_block},
                               {0}}};

/* ---- the root ---- */

static int fetch_transactions(aod_ar_t *ar, aod_arena_t *arena, const aod__index_query_t *query,
                              const void **object, aod_error_t *err) {
  page_t *page = aod_arena_alloc(arena, sizeof *page);
  *object = page;
  aod_ar_item_t *items;
  int code = aod__index_query(ar, query, arena, &items, &page->count, &page->more, err);
  page->items = items;
  return code;
}

static int fetch_blocks(aod_ar_t *ar, aod_arena_t *arena, const aod__index_query_t *query,
                        const void **object, aod_error_t *err) {
  page_t *page = aod_arena_alloc(arena, sizeof *page);
  *object = page;
  aod_ar_block_t *blocks;
  int code = aod__index_query_blocks(ar, query, arena, &blocks, &page->count, &page->more, err);
  page->blocks = blocks;
  return code;
}

/* The first entry of the page instead of the page. */
static int only_entry(int code, const void **object) {
  const page_t *page = *object;
  *object = code != AOD_OK || page->count == 0 ? NULL
            : page->items                      ? (const void *)page->items
                                               : (const void *)page->blocks;
  return code;
}

static int fetch_transaction(aod_ar_t *ar, aod_arena_t *arena, const aod__index_query_t *query,
                             const void **object, aod_error_t *err) {
  if (!query->ids.given)
    return aod_fail(err, AOD_EINPUT, "Field \"transaction\" needs the argument \"id\".");
  return only_entry(fetch_transactions(ar, arena, query, object, err), object);
}

/* Without an id: the newest one. */
static int fetch_block(aod_ar_t *ar, aod_arena_t *arena, const aod__index_query_t *query,
                       const void **object, aod_error_t *err) {
  return only_entry(fetch_blocks(ar, arena, query, object, err), object);
}

const aod__gql_type_t aod__graphql_query = {
    "Query",
    (const aod__gql_field_t[]){
        {"transaction", &transaction_type, .fetch = fetch_transaction,
         .arguments = aod__graphql_transaction_arguments},
        {"transactions", &transaction_connection_type, .fetch = fetch_transactions,
         .arguments = aod__graphql_transactions_arguments},
        {"block", &block_type, .fetch = fetch_block, .arguments = aod__graphql_block_arguments},
        {"blocks", &block_connection_type, .fetch = fetch_blocks,
         .arguments = aod__graphql_blocks_arguments},
        {0}}};
