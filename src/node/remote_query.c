#include "node/remote_query.h"

#include <inttypes.h>

#include "arweave/base64url.h"

/* ---- asking ---- */

static void write_owners(const aod_gateway_query_t *query, aod_buf_t *text) {
  aod_buf_text(text, "owners: [");
  for (size_t i = 0; i < query->owner_count; i++) {
    aod_json_separate(text);
    aod_json_string(text, query->owners[i]);
  }
  aod_buf_text(text, "]");
}

static void write_tags(const aod_gateway_query_t *query, aod_buf_t *text) {
  aod_buf_text(text, ", tags: [");
  for (size_t i = 0; i < query->tags.count; i++) {
    aod_buf_text(text, i ? ", { name: " : "{ name: ");
    aod_json_string(text, query->tags.list[i].name);
    aod_buf_text(text, ", values: [");
    aod_json_string(text, query->tags.list[i].value);
    aod_buf_text(text, "] }");
  }
  aod_buf_text(text, "]");
}

void aod_query_write(const aod_gateway_query_t *query, aod_buf_t *body) {
  aod_buf_t text = {0};
  aod_buf_text(&text, "query { transactions(");
  write_owners(query, &text);
  write_tags(query, &text);
  if (query->max_block != UINT64_MAX)
    aod_buf_printf(&text, ", block: { min: 0, max: %" PRIu64 " }", query->max_block);
  aod_buf_printf(&text, ", first: %zu, sort: HEIGHT_DESC)", query->limit);
  aod_buf_text(&text, " { edges { node { id tags { name value } } } } }");
  aod_buf_text(body, "{\"query\":");
  aod_json_string(body, aod_buf_slice(&text));
  aod_buf_text(body, "}");
  aod_buf_free(&text);
}

/* ---- the answer ---- */

static void read_tags(const json_t *list, aod_arena_t *arena, aod_tags_t *tags) {
  size_t count = json_array_size(list);
  *tags = (aod_tags_t){aod_arena_alloc(arena, (count + 1) * sizeof *tags->list), count};
  for (size_t i = 0; i < count; i++) {
    const json_t *tag = json_array_get(list, i);
    tags->list[i] = (aod_tag_t){.name = aod_arena_copy(arena, aod_json_get_string(tag, "name")),
                                .value = aod_arena_copy(arena, aod_json_get_string(tag, "value"))};
  }
}

void aod_query_read(const json_t *edges, size_t limit, aod_arena_t *arena, aod_found_list_t *list) {
  size_t count = json_array_size(edges);
  *list = (aod_found_list_t){.list = aod_arena_alloc(arena, (count + 1) * sizeof *list->list)};
  for (size_t i = 0; i < count && list->count < limit; i++) {
    const json_t *node = json_object_get(json_array_get(edges, i), "node");
    aod_found_t *found = &list->list[list->count];
    if (!aod_id_decode(aod_json_get_string(node, "id"), found->id)) continue;
    read_tags(json_object_get(node, "tags"), arena, &found->tags);
    list->count++;
  }
}
