/* Running a plan: objects are fetched at the root, then written field by field in the order of the
 * selection. Nothing below the root can fail. */
#include "ar/graphql.h"
#include "base/json.h"

static void write_object(aod_buf_t *json, const aod__plan_t *plan, const void *object);

static void write_list(aod_buf_t *json, const aod__plan_t *plan, const void *object) {
  size_t count = plan->field->count(object);
  aod_buf_byte(json, '[');
  for (size_t i = 0; i < count; i++) {
    if (i) aod_buf_byte(json, ',');
    write_object(json, plan->children, plan->field->at(object, i));
  }
  aod_buf_byte(json, ']');
}

static void write_field(aod_buf_t *json, const aod__plan_t *plan, const void *object) {
  const aod__gql_field_t *field = plan->field;
  if (!field)
    aod_json_string(json, aod_text(plan->type_name));
  else if (field->leaf)
    field->leaf(json, object);
  else if (field->count)
    write_list(json, plan, object);
  else
    write_object(json, plan->children, field->child(object));
}

static void write_object(aod_buf_t *json, const aod__plan_t *plan, const void *object) {
  if (!object) {
    aod_buf_text(json, "null");
    return;
  }
  aod_buf_byte(json, '{');
  for (const aod__plan_t *p = plan; p; p = p->next) {
    aod_json_key(json, p->key);
    write_field(json, p, object);
  }
  aod_buf_byte(json, '}');
}

static int run(aod_ar_t *ar, const aod__plan_t *plan, aod_arena_t *arena, aod_buf_t *json,
               aod_error_t *err) {
  int fields = 0;
  aod_buf_text(json, "{\"data\":{");
  for (const aod__plan_t *p = plan; p; p = p->next) {
    if (++fields > AOD__GRAPHQL_ROOTS_MAX)
      return aod_fail(err, AOD_EINPUT, "More than %d queries at once.", AOD__GRAPHQL_ROOTS_MAX);
    aod_json_key(json, p->key);
    if (!p->field) {
      aod_json_string(json, aod_text(p->type_name));
      continue;
    }
    const void *object;
    int code = p->field->fetch(ar, arena, &p->query, &object, err);
    if (code != AOD_OK) return code;
    write_object(json, p->children, object);
  }
  aod_buf_text(json, "}}");
  return AOD_OK;
}

/* ---- requests ---- */

static int answer(aod_ar_t *ar, const json_t *request, aod_arena_t *arena, aod_buf_t *json,
                  aod_error_t *err) {
  aod_slice_t query = aod_json_get_string(request, "query");
  aod_slice_t name = aod_json_get_string(request, "operationName");
  const json_t *variables = json_object_get(request, "variables");
  if (query.len == 0)
    return aod_fail(err, AOD_EINPUT, "The body must be a JSON object with a member \"query\".");
  if (variables && !json_is_object(variables) && !json_is_null(variables))
    return aod_fail(err, AOD_EINPUT, "\"variables\" must be an object.");
  aod__definition_t *document;
  aod__plan_t *plan;
  int code = aod__graphql_parse(query, arena, &document, err);
  if (code == AOD_OK) code = aod__graphql_plan(document, name, variables, arena, &plan, err);
  return code == AOD_OK ? run(ar, plan, arena, json, err) : code;
}

/* Malformed requests get 400 and no data; failures while running 200, as clients expect. */
static int write_error(aod_buf_t *json, const aod_error_t *err) {
  aod_buf_clear(json);
  aod_buf_text(json, "{\"errors\":[{");
  aod_json_key_string(json, "message", aod_text(err->message));
  aod_buf_text(json, "}]");
  if (err->code != AOD_EINPUT) aod_buf_text(json, ",\"data\":null");
  aod_buf_text(json, "}");
  return err->code == AOD_EINPUT ? 400 : 200;
}

int aod__graphql_answer(aod_ar_t *ar, aod_slice_t body, aod_arena_t *arena, aod_buf_t *response) {
  aod_error_t err = {0};
  json_t *request = NULL;
  int code = aod_json_parse(body, &request, &err);
  if (code == AOD_OK) code = answer(ar, request, arena, response, &err);
  json_decref(request);
  if (code == AOD_OK) return 200;
  err.code = code;
  return write_error(response, &err);
}
