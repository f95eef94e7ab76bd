/* Which processes an operator lets his unit evaluate. */
#include "ao/address.h"
#include "arweave/base64url.h"
#include "cu/internal.h"

static bool holds(const aod_cu_list_t *list, aod_slice_t text) {
  for (size_t i = 0; i < list->count; i++)
    if (aod_slice_is(text, list->values[i])) return true;
  return false;
}

static int check_owner(const aod_cu_t *cu, const uint8_t process[32], aod_arena_t *arena,
                       aod_error_t *err) {
  aod_scheduled_t scheduled;
  int code = cu->scheduler->find(cu->scheduler->context, process, process, arena, &scheduled, err);
  if (code == AOD_ENOTFOUND || (code == AOD_OK && !scheduled.has_item)) return AOD_OK;
  if (code != AOD_OK) return code;
  aod_slice_t owner = aod_ao_address(&scheduled.item, arena);
  if (holds(&cu->access.allowed_owners, owner)) return AOD_OK;
  return aod_fail(err, AOD_EFORBIDDEN, "Access denied for process owner %.*s", AOD_ARG(owner));
}

int aod__cu_check_access(const aod_cu_t *cu, const uint8_t process[32], aod_error_t *err) {
  const aod_cu_access_t *access = &cu->access;
  char id[AOD_ID_CHARS + 1];
  aod_id_encode(process, id);
  bool allowed = access->allowed.count == 0 || holds(&access->allowed, aod_text(id));
  if (!allowed || holds(&access->restricted, aod_text(id)))
    return aod_fail(err, AOD_EFORBIDDEN, "Access denied for process %s", id);
  if (access->allowed_owners.count == 0) return AOD_OK;
  aod_arena_t arena = {0};
  int code = check_owner(cu, process, &arena, err);
  aod_arena_free(&arena);
  return code;
}
