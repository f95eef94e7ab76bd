/* POST /push/:id/:number?process-id=P: push one message of a result again, for what was lost
 * elsewhere. What arrived already is refused by the scheduler as said before, and nothing follows.
 * Source: units.md 2.2, 2.8.
 *
 * The entry is a delivery like any other, once its item is made and stored; until then the request
 * waits for the result. */
#include "ao/address.h"
#include "arweave/base64url.h"
#include "mu/internal.h"

typedef struct {
  aod_delivery_t delivery; /* first: of kind CRANK, and never stored */
  int64_t number;
} pushing_t;

static void answered(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  aod_request_t *request = delivery->client;
  if (code != AOD_OK) {
    aod_respond_error(request, aod_error_http_status(code), "%s", err->message);
    return;
  }
  aod_buf_t json = {0};
  aod_buf_printf(&json, "{\"message\":\"Processing Message Result\",\"id\":\"%.*s\"}",
                 AOD_ARG(aod_ao_id(&delivery->arena, delivery->entry.id)));
  aod_respond_buf(request, 202, "application/json; charset=utf-8", &json);
}

static void finish(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  delivery->answer(delivery, code, err);
  aod__delivery_end(delivery);
}

static void stored(aod_outbox_change_t *change, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)change - offsetof(aod_delivery_t, change));
  bool is_waiting = code == AOD_EEXISTS; /* the same item, on its way already */
  /* While the delivery still has its place, so that nobody takes the queue for idle. */
  if (code == AOD_OK) aod__queue_notice(delivery->mu, change->add.list[0].lane, AOD_OUTBOX_NOW);
  finish(delivery, is_waiting ? AOD_OK : code, err);
}

/* The chain that the message belongs to: as it says, or its own when a user sent it. */
static int find_origin(aod_delivery_t *delivery, aod_error_t *err) {
  const aod_scheduler_t *scheduler = delivery->mu->scheduler;
  aod_outbox_entry_t *entry = &delivery->entry;
  aod_scheduled_t scheduled;
  int code = scheduler->find(scheduler->context, entry->process, entry->id, &delivery->arena,
                             &scheduled, err);
  if (code != AOD_OK || !scheduled.has_item) return code;
  aod_slice_t value;
  bool is_pushed = aod_tags_find(&scheduled.item.tags, "From-Process", &value);
  memcpy(entry->origin, entry->id, 32);
  entry->has_origin = !is_pushed || (aod_tags_find(&scheduled.item.tags, "Pushed-For", &value) &&
                                     aod_id_decode(value, entry->origin));
  return AOD_OK;
}

static int make_child(aod_delivery_t *delivery, aod_error_t *err) {
  int64_t number = ((pushing_t *)delivery)->number;
  int code = find_origin(delivery, err);
  if (code == AOD_OK)
    code = aod__follow_result(delivery, delivery->entry.id, aod_buf_slice(&delivery->call.body),
                              number, err);
  if (code != AOD_OK) return code;
  aod__follow_more(delivery);
  const aod_outbox_entry_t *child = &delivery->change.add.list[0];
  if (child->kind != AOD_OUTBOX_INVALID) return AOD_OK;
  return aod_fail(err, AOD_EINPUT, "%.*s", AOD_ARG(child->reason));
}

static void make(aod_delivery_t *delivery) {
  aod_error_t err;
  int code = make_child(delivery, &err);
  if (code != AOD_OK) {
    finish(delivery, code, &err);
    return;
  }
  delivery->change.done = stored;
  aod_outbox_submit(delivery->mu->outbox, &delivery->change);
}

static void result_known(aod_result_call_t *call, int code, const aod_error_t *err) {
  aod_delivery_t *delivery = (aod_delivery_t *)((char *)call - offsetof(aod_delivery_t, call));
  if (code == AOD_OK)
    aod__delivery_run(delivery, make);
  else
    finish(delivery, code, err);
}

static int read_request(aod_request_t *request, const aod_mu_t *mu, pushing_t *pushing,
                        aod_error_t *err) {
  aod_outbox_entry_t *entry = &pushing->delivery.entry;
  uint64_t number;
  aod_slice_t process;
  if (!aod_slice_to_u64(request->params[1], &number) || number > INT32_MAX)
    return aod_fail(err, AOD_EINPUT, "'number' parameter must be a valid number");
  if (!mu->push_enabled) return aod_fail(err, AOD_EUNSUPPORTED, "Push is disabled");
  if (!aod_request_query(request, "process-id", &process) ||
      !aod_id_decode(process, entry->process))
    return aod_fail(err, AOD_EINPUT, "'process-id': a 43-character id is required");
  if (!aod_id_decode(request->params[0], entry->id))
    return aod_fail(err, AOD_EINPUT, "'id': a 43-character id is required");
  pushing->number = (int64_t)number;
  return AOD_OK;
}

void aod__mu_post_push(aod_request_t *request, void *unit) {
  aod_mu_t *mu = unit;
  pushing_t *pushing = aod_alloc(sizeof *pushing);
  aod_delivery_t *delivery = &pushing->delivery;
  delivery->mu = mu;
  delivery->entry.kind = AOD_OUTBOX_CRANK;
  delivery->client = request;
  delivery->answer = answered;
  aod_error_t err;
  int code = read_request(request, mu, pushing, &err);
  if (code != AOD_OK) {
    finish(delivery, code, &err);
    return;
  }
  memcpy(delivery->entry.lane, delivery->entry.process, 32);
  aod__queue_enter(delivery, true);
  memcpy(delivery->call.process, delivery->entry.process, 32);
  memcpy(delivery->call.message, delivery->entry.id, 32);
  delivery->call.done = result_known;
  mu->computer->result(mu->computer->context, &delivery->call);
}
