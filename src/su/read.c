/* What the schedule holds, as the other units read it: records parsed, by id and by range. */
#include "su/internal.h"

int aod__su_parse_record(const aod_record_t *record, aod_arena_t *arena, aod_scheduled_t *scheduled,
                         aod_error_t *err) {
  *scheduled = (aod_scheduled_t){.has_item = record->item.len > 0};
  int code = aod_item_parse(record->assignment, arena, &scheduled->assignment, err);
  if (code == AOD_OK && scheduled->has_item)
    code = aod_item_parse(record->item, arena, &scheduled->item, err);
  return code;
}

int aod__su_find(void *context, const uint8_t process[32], const uint8_t id[32], aod_arena_t *arena,
                 aod_scheduled_t *scheduled, aod_error_t *err) {
  (void)process; /* ids are unique in the whole store */
  aod_su_t *su = context;
  aod_record_t record;
  int code = aod_schedule_find(su->schedule, id, arena, &record, err);
  return code == AOD_OK ? aod__su_parse_record(&record, arena, scheduled, err) : code;
}

int aod__su_range(void *context, const uint8_t process[32], uint64_t from_nonce, size_t limit,
                  aod_arena_t *arena, aod_scheduled_list_t *list, aod_error_t *err) {
  aod_su_t *su = context;
  aod_records_t records;
  int code = aod_schedule_range(su->schedule, process, AOD_BY_NONCE, (int64_t)from_nonce, INT64_MAX,
                                limit, arena, &records, err);
  if (code != AOD_OK) return code;
  *list = (aod_scheduled_list_t){
      .list = aod_arena_alloc(arena, (records.count + 1) * sizeof *list->list)};
  for (size_t i = 0; i < records.count; i++) {
    code = aod__su_parse_record(&records.list[i], arena, &list->list[list->count++], err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}
