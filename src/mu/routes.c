/* The messenger over HTTP: shared/spec/units.md section 2. */
#include "ao/address.h"
#include "arweave/base64url.h"
#include "mu/internal.h"

enum { ITEM_BYTES_MAX = 10485760 };

static const char content_json[] = "application/json; charset=utf-8";

static void respond_failure(aod_request_t *request, int code, const aod_error_t *err) {
  aod_respond_error(request, aod_error_http_status(code), "%s", err->message);
}

static void get_root(aod_request_t *request, void *unit) {
  aod_slice_t ignored;
  if (aod_request_query(request, "debug", &ignored))
    aod__mu_get_traces(request, unit);
  else
    aod_respond(request, 200, "text/html; charset=utf-8", AOD_TEXT("ao messenger unit"));
}

static void respond_accepted(aod_request_t *request, const char *what, const uint8_t id[32]) {
  char text[AOD_ID_CHARS + 1];
  aod_id_encode(id, text);
  aod_buf_t json = {0};
  aod_buf_printf(&json, "{\"message\":\"Processing %s\",\"id\":\"%s\"}", what, text);
  aod_respond_buf(request, 202, content_json, &json);
}

/* ---- items ---- */

static void item_answered(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  if (code == AOD_OK)
    respond_accepted(delivery->client, "DataItem", delivery->entry.id);
  else if (code == AOD_ENOTFOUND && delivery->entry.kind == AOD_OUTBOX_ITEM)
    aod_respond_error(delivery->client, aod_error_http_status(code),
                      "TransactionNotFound: Process %.*s was not found on gateway",
                      AOD_ARG(aod_ao_id(&delivery->arena, delivery->entry.process)));
  else
    respond_failure(delivery->client, code, err);
}

/* Process or Message; where an item claims both, what it claims first. */
static int classify(const aod_item_t *item, bool *is_process, aod_error_t *err) {
  if (!aod_tags_has(&item->tags, "Data-Protocol", "ao"))
    return aod_fail(err, AOD_EINPUT, "Tag 'Data-Protocol': must contain 'ao'");
  for (size_t i = 0; i < item->tags.count; i++) {
    const aod_tag_t *tag = &item->tags.list[i];
    if (!aod_slice_is(tag->name, "Type")) continue;
    *is_process = aod_slice_is(tag->value, "Process");
    if (*is_process || aod_slice_is(tag->value, "Message")) return AOD_OK;
  }
  return aod_fail(err, AOD_EINPUT, "Tag 'Type': must be either 'Process' or 'Message'");
}

static int check_addressee(const aod_item_t *item, bool is_process, aod_error_t *err) {
  aod_slice_t value;
  if (is_process && !aod_tags_find(&item->tags, "Scheduler", &value))
    return aod_fail(err, AOD_EINPUT, "No Scheduler tag found on 'Process' DataItem");
  if (!is_process && item->target.len != 32)
    return aod_fail(err, AOD_EINPUT, "a Message needs a target: the id of a process");
  return AOD_OK;
}

static int read_item(aod_delivery_t *delivery, aod_slice_t body, aod_error_t *err) {
  aod_item_t item;
  int code = aod_item_parse(body, &delivery->arena, &item, err);
  if (code == AOD_OK) code = aod_item_verify(&item, err);
  if (code != AOD_OK) {
    aod_error_prefix(err, "'body': A valid and signed data item must be provided as the body.");
    return code;
  }
  bool is_process = false;
  code = classify(&item, &is_process, err);
  if (code == AOD_OK) code = check_addressee(&item, is_process, err);
  if (code != AOD_OK) return code;
  aod_outbox_entry_t *entry = &delivery->entry;
  entry->kind = is_process ? AOD_OUTBOX_SPAWN : AOD_OUTBOX_ITEM;
  memcpy(entry->id, item.id, 32);
  memcpy(entry->process, is_process ? item.id : item.target.ptr, 32);
  memcpy(delivery->wallet, item.address, 32);
  return AOD_OK;
}

static void post_item(aod_request_t *request, aod_mu_t *mu) {
  aod_delivery_t *delivery = aod__delivery_new(mu, AOD_OUTBOX_ITEM);
  delivery->client = request;
  delivery->answer = item_answered;
  delivery->entry.raw = aod_arena_copy(&delivery->arena, request->body);
  aod_error_t err;
  int code = read_item(delivery, delivery->entry.raw, &err);
  if (code == AOD_OK) {
    aod__delivery_accept(delivery);
    return;
  }
  aod__delivery_free(delivery);
  respond_failure(request, code, &err);
}

/* ---- assignments ---- */

static void assignment_answered(aod_delivery_t *delivery, int code, const aod_error_t *err) {
  if (code == AOD_OK)
    respond_accepted(delivery->client, "Assignment", delivery->post.id);
  else
    respond_failure(delivery->client, code, err);
}

static int read_assignment(aod_request_t *request, aod_slice_t process, aod_slice_t assign,
                           aod_outbox_entry_t *entry, aod_error_t *err) {
  aod_slice_t base_layer;
  if (!aod_id_decode(process, entry->process))
    return aod_fail(err, AOD_EINPUT, "'process-id': \"%.*s\" is no 43-character id",
                    AOD_ARG(aod_slice_sub(process, 0, 100)));
  if (!aod_id_decode(assign, entry->id))
    return aod_fail(err, AOD_EINPUT, "'assign': \"%.*s\" is no 43-character id",
                    AOD_ARG(aod_slice_sub(assign, 0, 100)));
  entry->base_layer = aod_request_query(request, "base-layer", &base_layer);
  aod_request_query(request, "exclude", &entry->text);
  return AOD_OK;
}

static void post_assignment(aod_request_t *request, aod_mu_t *mu, aod_slice_t process,
                            aod_slice_t assign) {
  aod_delivery_t *delivery = aod__delivery_new(mu, AOD_OUTBOX_ASSIGN);
  delivery->client = request;
  delivery->answer = assignment_answered;
  aod_error_t err;
  int code = read_assignment(request, process, assign, &delivery->entry, &err);
  if (code == AOD_OK) {
    delivery->entry.text = aod_arena_copy(&delivery->arena, delivery->entry.text);
    aod__delivery_accept(delivery);
    return;
  }
  aod__delivery_free(delivery);
  respond_failure(request, code, &err);
}

static void post_root(aod_request_t *request, void *unit) {
  aod_slice_t process, assign;
  bool has_process = aod_request_query(request, "process-id", &process);
  bool has_assign = aod_request_query(request, "assign", &assign);
  if (has_process && has_assign)
    post_assignment(request, unit, process, assign);
  else if (has_process || has_assign)
    aod_respond_error(
        request, 400,
        "You must set both process-id and assign to send an assignment, not just one");
  else
    post_item(request, unit);
}

/* ---- metrics ---- */

#define METRIC(name) offsetof(aod_mu_metrics_t, name)
static const aod_metric_t metrics_table[] = {
    {"ao_mu_accepted", AOD_METRIC_COUNTER, "Items and assignments of clients that were scheduled",
     METRIC(accepted)},
    {"ao_mu_refused", AOD_METRIC_COUNTER, "Items and assignments of clients that were refused",
     METRIC(refused)},
    {"ao_mu_pushed", AOD_METRIC_COUNTER, "Outbox entries of processes that were scheduled",
     METRIC(pushed)},
    {"ao_mu_uploaded", AOD_METRIC_COUNTER, "Messages to wallets that were uploaded",
     METRIC(uploaded)},
    {"ao_mu_cranked", AOD_METRIC_COUNTER, "Results that were read", METRIC(cranked)},
    {"ao_mu_retried", AOD_METRIC_COUNTER, "Attempts that failed and will be repeated",
     METRIC(retried)},
    {"ao_mu_parked", AOD_METRIC_COUNTER, "Entries that stay undelivered until somebody pushes them",
     METRIC(parked)},
    {"ao_mu_invalid", AOD_METRIC_COUNTER, "Entries of processes that cannot be sent",
     METRIC(invalid)},
    {"ao_mu_spilled", AOD_METRIC_COUNTER, "Entries that were put back to wait for their turn",
     METRIC(spilled)},
    {"ao_mu_loaded", AOD_METRIC_COUNTER, "Entries that were read back", METRIC(loaded)},
    {"ao_mu_held", AOD_METRIC_GAUGE, "Entries in memory", METRIC(held)},
    {0},
};

static void get_metrics(aod_request_t *request, void *unit) {
  aod_mu_t *mu = unit;
  if (!mu->metrics_enabled) {
    aod_respond_error(request, 404, "Metrics not enabled");
    return;
  }
  aod_buf_t text = {0};
  aod_metrics_write(metrics_table, &mu->metrics, &text);
  aod_respond_buf(request, 200, AOD_METRICS_CONTENT_TYPE, &text);
}

const aod_route_t aod_mu_routes[] = {
    {"GET", "/", get_root, 0},
    {"POST", "/", post_root, ITEM_BYTES_MAX},
    {"POST", "/push/:id/:number", aod__mu_post_push, 0},
    {"POST", "/monitor/:id", aod__mu_post_monitor, ITEM_BYTES_MAX},
    {"DELETE", "/monitor/:id", aod__mu_delete_monitor, ITEM_BYTES_MAX},
    {"GET", "/metrics", get_metrics, 0},
    {NULL, NULL, NULL, 0},
};
