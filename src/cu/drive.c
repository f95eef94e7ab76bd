/* The drive of a process (vm/drive.h): what it reads of Arweave while it evaluates a message.
 *
 * Content is named by its id or height and comes from the gateway each time. Whether something is
 * there at all, or was made known by somebody, may change: so that answer is kept with the message,
 * and whoever evaluates it again answers the same. A message that must be evaluated without it, the
 * database being lost, has its block's height: attestations are searched for up to there.
 *
 * That nobody attests is the gateway's word. That somebody does is checked by his signature. */
#include "ao/address.h"
#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "cu/internal.h"

enum { ATTESTATIONS_LOOKED_AT = 5 };

/* ---- answers that are kept ---- */

typedef struct {
  const aod_asker_t *asker;
  uint8_t hash[32];
  bool known, yes;
} question_t;

/* `parts` say what is asked. */
static int begin(question_t *question, const aod_asker_t *asker, const aod_slice_t *parts,
                 size_t count, aod_error_t *err) {
  const aod_process_t *process = asker->process;
  const aod_cu_t *cu = process->cu;
  aod_deep_hash_t hash;
  *question = (question_t){.asker = asker};
  aod_deep_hash_begin(&hash, count);
  for (size_t i = 0; i < count; i++) aod_deep_hash_add(&hash, parts[i]);
  memcpy(question->hash, hash.state, sizeof question->hash);
  if (asker->is_dry) return AOD_OK;
  int code = aod_results_get_answer(cu->answers ? cu->answers : cu->results, process->id,
                                    process->at.position, question->hash, &question->yes, err);
  question->known = code == AOD_OK;
  return code == AOD_ENOTFOUND ? AOD_OK : code;
}

static void keep(const question_t *question, bool yes) {
  const aod_process_t *process = question->asker->process;
  if (question->asker->is_dry || question->known) return;
  aod_results_put_answer(process->cu->results, process->id, process->at.position, question->hash,
                         yes);
}

/* Is there such a thing? Before the gateway is asked for it: AOD_ENOTFOUND when there was not. */
static int begin_looking(question_t *question, const aod_asker_t *asker, const char *kind,
                         aod_slice_t name, aod_error_t *err) {
  const aod_slice_t parts[] = {aod_text(kind), name};
  int code = begin(question, asker, parts, 2, err);
  if (code == AOD_OK && question->known && !question->yes)
    code = aod_fail(err, AOD_ENOTFOUND, "there was no such %s", kind);
  return code;
}

static int end_looking(const question_t *question, int code, aod_error_t *err) {
  if (code == AOD_ENOTFOUND && question->known) /* it was there */
    return aod_fail(err, AOD_EUNAVAILABLE, "the gateway has lost what it had");
  if (code == AOD_OK || code == AOD_ENOTFOUND) keep(question, code == AOD_OK);
  return code;
}

/* ---- content ---- */

static int transaction(void *context, const uint8_t id[32], aod_buf_t *json, aod_error_t *err) {
  const aod_asker_t *asker = context;
  const aod_gateway_t *gateway = asker->process->cu->gateway;
  question_t question;
  int code = begin_looking(&question, asker, "transaction", aod_slice(id, 32), err);
  if (code != AOD_OK) return code;
  return end_looking(&question, gateway->transaction(gateway->context, id, json, err), err);
}

static int block(void *context, uint64_t height, aod_buf_t *json, aod_error_t *err) {
  const aod_asker_t *asker = context;
  const aod_gateway_t *gateway = asker->process->cu->gateway;
  uint8_t name[8];
  question_t question;
  aod_store_le64(name, height);
  int code = begin_looking(&question, asker, "block", aod_slice(name, sizeof name), err);
  if (code != AOD_OK) return code;
  return end_looking(&question, gateway->block(gateway->context, height, json, err), err);
}

static int size(void *context, const uint8_t id[32], uint64_t *bytes, aod_error_t *err) {
  const aod_asker_t *asker = context;
  const aod_gateway_t *gateway = asker->process->cu->gateway;
  question_t question;
  int code = begin_looking(&question, asker, "data", aod_slice(id, 32), err);
  if (code != AOD_OK) return code;
  return end_looking(&question, gateway->size(gateway->context, id, bytes, err), err);
}

/* Its size was told: it is there. */
static int read_data(void *context, const uint8_t id[32], uint64_t from, uint8_t *to, size_t len,
                     aod_error_t *err) {
  const aod_gateway_t *gateway = ((const aod_asker_t *)context)->process->cu->gateway;
  int code = gateway->read(gateway->context, id, from, to, len, err);
  if (code == AOD_ENOTFOUND) err->code = code = AOD_EUNAVAILABLE;
  return code;
}

/* ---- attestations ---- */

static bool is_owned(const aod_item_t *item, const aod_gateway_query_t *query, aod_arena_t *arena) {
  char address[AOD_ID_CHARS + 1];
  aod_id_encode(item->address, address);
  aod_slice_t ao_address = aod_ao_address(item, arena);
  for (size_t i = 0; i < query->owner_count; i++)
    if (aod_slice_is(query->owners[i], address) || aod_slice_equal(query->owners[i], ao_address))
      return true;
  return false;
}

static bool has_tag(const aod_tags_t *tags, const aod_tag_t *wanted) {
  for (size_t i = 0; i < tags->count; i++)
    if (aod_slice_equal(tags->list[i].name, wanted->name) &&
        aod_slice_equal(tags->list[i].value, wanted->value))
      return true;
  return false;
}

static bool has_tags(const aod_tags_t *tags, const aod_tags_t *wanted) {
  for (size_t i = 0; i < wanted->count; i++)
    if (!has_tag(tags, &wanted->list[i])) return false;
  return true;
}

/* The gateway says that these fit: one that does is enough. */
static int check_found(const aod_cu_t *cu, const aod_gateway_query_t *query,
                       const aod_found_list_t *list, aod_arena_t *arena, aod_error_t *err) {
  int code = AOD_OK;
  for (size_t i = 0; i < list->count; i++) {
    aod_item_t item;
    code = cu->gateway->find(cu->gateway->context, list->list[i].id, arena, &item, err);
    if (code == AOD_OK && is_owned(&item, query, arena) && has_tags(&item.tags, &query->tags))
      return AOD_OK;
  }
  if (code == AOD_OK)
    return aod_fail(err, AOD_EUNAVAILABLE, "the gateway names an attestation that is none");
  aod_error_prefix(err, "the gateway names an attestation that it does not give");
  return err->code = AOD_EUNAVAILABLE;
}

static int search(const aod_cu_t *cu, const aod_gateway_query_t *query, bool *exists,
                  aod_error_t *err) {
  aod_arena_t arena = {0};
  aod_found_list_t list;
  int code = cu->gateway->query(cu->gateway->context, query, &arena, &list, err);
  if (code == AOD_OK) *exists = list.count > 0;
  if (code == AOD_OK && *exists) code = check_found(cu, query, &list, &arena, err);
  aod_arena_free(&arena);
  return code;
}

/* Who the owners may be is the process's own: by its tags, for all its life. */
static int exists(void *context, const aod_drive_query_t *asked, bool *exists, aod_error_t *err) {
  const aod_asker_t *asker = context;
  aod_tag_t tags[] = {{AOD_TEXT("Type"), aod_text(asked->type)},
                      {aod_text(asked->id_tag), asked->id},
                      {AOD_TEXT("Data-Protocol"), aod_text(asked->protocol)}};
  aod_gateway_query_t query = {.owners = asked->owners,
                               .owner_count = asked->owner_count,
                               .tags = {tags, sizeof tags / sizeof *tags},
                               .max_block = asked->max_block,
                               .limit = ATTESTATIONS_LOOKED_AT};
  uint8_t height[8];
  aod_store_le64(height, asked->max_block);
  const aod_slice_t parts[] = {AOD_TEXT("attestation"), aod_text(asked->type),
                               aod_text(asked->protocol), asked->id,
                               aod_slice(height, sizeof height)};
  question_t question;
  int code = begin(&question, asker, parts, sizeof parts / sizeof *parts, err);
  *exists = question.yes;
  if (code != AOD_OK || question.known) return code;
  code = search(asker->process->cu, &query, exists, err);
  if (code == AOD_OK) keep(&question, *exists);
  return code;
}

static void init(aod_process_t *process, bool is_dry, aod_asker_t *asker, aod_drive_t *drive) {
  *asker = (aod_asker_t){.process = process, .is_dry = is_dry};
  *drive = (aod_drive_t){.context = asker,
                         .transaction = transaction,
                         .block = block,
                         .size = size,
                         .read = read_data,
                         .exists = exists};
}

void aod__drive_init(aod_process_t *process) {
  init(process, false, &process->asker, &process->drive);
  init(process, true, &process->dry_asker, &process->dry_drive);
}
