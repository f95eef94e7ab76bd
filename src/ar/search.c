/* What neighbours in the same program search for: a query of the index without GraphQL around it.
 */
#include "ar/index.h"
#include "arweave/base64url.h"

/* A text that is no address is nobody's. */
static void read_owners(const aod_gateway_query_t *query, aod_arena_t *arena,
                        aod__key_filter_t *owners) {
  aod_slice_t *list = aod_arena_alloc(arena, (query->owner_count + 1) * sizeof *list);
  *owners = (aod__key_filter_t){.given = true, .list = list};
  for (size_t i = 0; i < query->owner_count; i++) {
    uint8_t address[AOD_ID_BYTES];
    if (aod_id_decode(query->owners[i], address))
      list[owners->count++] = aod_arena_copy(arena, aod_slice(address, sizeof address));
  }
}

static aod__tag_filter_t *tag_filters(const aod_tags_t *tags, aod_arena_t *arena) {
  aod__tag_filter_t *filters = aod_arena_alloc(arena, (tags->count + 1) * sizeof *filters);
  for (size_t i = 0; i < tags->count; i++)
    filters[i] = (aod__tag_filter_t){.name = tags->list[i].name,
                                     .op = AOD__TAG_EQ,
                                     .values = &tags->list[i].value,
                                     .value_count = 1};
  return filters;
}

int aod_ar_search(aod_ar_t *ar, const aod_gateway_query_t *query, aod_arena_t *arena,
                  aod_found_list_t *list, aod_error_t *err) {
  bool bound = query->max_block < INT64_MAX;
  aod__index_query_t search = {.tags = tag_filters(&query->tags, arena),
                               .tag_count = query->tags.count,
                               .height_max = bound ? (int64_t)query->max_block : INT64_MAX,
                               .limit = query->limit};
  aod_ar_item_t *items;
  size_t count;
  bool more;
  read_owners(query, arena, &search.owners);
  int code = aod__index_query(ar, &search, arena, &items, &count, &more, err);
  if (code != AOD_OK) return code;
  *list = (aod_found_list_t){aod_arena_alloc(arena, (count + 1) * sizeof *list->list), count};
  for (size_t i = 0; i < count; i++) {
    list->list[i].tags = items[i].tags;
    memcpy(list->list[i].id, items[i].id, AOD_ID_BYTES);
  }
  return AOD_OK;
}
