/* From a document to a plan: the operation is chosen, variables are replaced, @skip and @include
 * decided, fragments put in, equal keys merged, and every field and argument looked up in the
 * schema.
 *
 * A plan is made once and then run for every object of a page, so none of this is done per object.
 * Fragments can be nested so that a short text means exponentially many fields; what is planned is
 * counted, and depth is limited, which ends cycles as well. */
#include "ar/graphql.h"

#include <math.h>

typedef struct {
  const aod__definition_t *document;
  const aod__argument_t *variables; /* declared ones; `value` NULL: absent */
  aod_arena_t *arena;
  aod_error_t *err;
  int fields;
} planner_t;

#define NEW(planner, type) ((type *)aod_arena_alloc((planner)->arena, sizeof(type)))

/* ---- JSON values ---- */

static aod__value_t *value_of(const json_t *json, aod_arena_t *arena, int depth);

static bool members_of(const json_t *json, aod_arena_t *arena, int depth, aod__value_t *object) {
  object->kind = AOD__VALUE_OBJECT;
  aod__value_t **end = &object->first;
  const char *name;
  json_t *member;
  json_object_foreach((json_t *)json, name, member) {
    aod__value_t *value = value_of(member, arena, depth);
    if (!value) return false;
    value->name = aod_arena_copy(arena, aod_text(name));
    *end = value;
    end = &value->next;
  }
  return true;
}

static bool entries_of(const json_t *json, aod_arena_t *arena, int depth, aod__value_t *list) {
  list->kind = AOD__VALUE_LIST;
  aod__value_t **end = &list->first;
  for (size_t i = 0; i < json_array_size(json); i++) {
    aod__value_t *value = value_of(json_array_get(json, i), arena, depth);
    if (!value) return false;
    *end = value;
    end = &value->next;
  }
  return true;
}

static void number_of(double number, aod_arena_t *arena, aod__value_t *value) {
  bool whole = number == floor(number) && fabs(number) < 1e15;
  value->kind = whole ? AOD__VALUE_INT : AOD__VALUE_FLOAT;
  value->text = aod_text(aod_arena_printf(arena, whole ? "%.0f" : "%g", number));
}

/* A JSON value as a document's; NULL when nested too deeply. */
static aod__value_t *value_of(const json_t *json, aod_arena_t *arena, int depth) {
  if (depth == AOD__GRAPHQL_DEPTH_MAX) return NULL;
  aod__value_t *value = aod_arena_alloc(arena, sizeof *value);
  value->kind = AOD__VALUE_NULL;
  if (json_is_object(json) && !members_of(json, arena, depth + 1, value)) return NULL;
  if (json_is_array(json) && !entries_of(json, arena, depth + 1, value)) return NULL;
  if (json_is_number(json)) number_of(json_number_value(json), arena, value);
  if (json_is_string(json)) {
    value->kind = AOD__VALUE_STRING;
    value->text =
        aod_arena_copy(arena, aod_slice(json_string_value(json), json_string_length(json)));
  }
  if (json_is_boolean(json)) {
    value->kind = AOD__VALUE_BOOL;
    value->truth = json_is_true(json);
  }
  return value;
}

/* ---- variables ---- */

static int read_variables(planner_t *planner, const aod__variable_t *declared,
                          const json_t *variables) {
  const aod__argument_t *known = NULL;
  for (; declared; declared = declared->next) {
    aod__argument_t *variable = NEW(planner, aod__argument_t);
    variable->name = declared->name;
    variable->value = declared->fallback;
    const char *name = (const char *)aod_arena_copy(planner->arena, declared->name).ptr;
    const json_t *given = variables ? json_object_get(variables, name) : NULL;
    if (given) {
      variable->value = value_of(given, planner->arena, 0);
      if (!variable->value)
        return aod_fail(planner->err, AOD_EINPUT, "Variable \"$%s\" is nested too deeply.", name);
    }
    bool absent = !variable->value || variable->value->kind == AOD__VALUE_NULL;
    if (absent && declared->required)
      return aod_fail(planner->err, AOD_EINPUT,
                      "Variable \"$%s\" of required type was not provided.", name);
    variable->next = (aod__argument_t *)known;
    known = variable;
  }
  planner->variables = known;
  return AOD_OK;
}

static int find_variable(planner_t *planner, aod_slice_t name, const aod__value_t **value) {
  for (const aod__argument_t *v = planner->variables; v; v = v->next) {
    if (!aod_slice_equal(v->name, name)) continue;
    *value = v->value;
    return AOD_OK;
  }
  return aod_fail(planner->err, AOD_EINPUT, "Variable \"$%.*s\" is not defined.", AOD_ARG(name));
}

/* `value` without variables; *out NULL when it is null or absent. The entries of lists and the
 * members of objects that are null or absent are left out. */
static int resolve(planner_t *planner, const aod__value_t *value, aod__value_t **out) {
  *out = NULL;
  aod_slice_t name = value->name;
  if (value->kind == AOD__VALUE_VARIABLE) {
    const aod__value_t *found = NULL;
    int code = find_variable(planner, value->text, &found);
    if (code != AOD_OK || !found) return code;
    if (found->kind == AOD__VALUE_VARIABLE) /* only a default can be one */
      return aod_fail(planner->err, AOD_EINPUT, "A default value cannot be a variable.");
    value = found;
  }
  if (value->kind == AOD__VALUE_NULL) return AOD_OK;
  aod__value_t *copy = NEW(planner, aod__value_t);
  *copy = *value;
  copy->name = name;
  copy->next = NULL;
  aod__value_t **end = &copy->first;
  for (const aod__value_t *inner = value->first; inner; inner = inner->next) {
    int code = resolve(planner, inner, end);
    if (code != AOD_OK) return code;
    if (*end) end = &(*end)->next;
  }
  *out = copy;
  return AOD_OK;
}

/* ---- arguments ---- */

static const aod__gql_argument_t *find_argument(const aod__gql_field_t *field, aod_slice_t name) {
  const aod__gql_argument_t *argument = field->arguments;
  while (argument && argument->name && !aod_slice_is(name, argument->name)) argument++;
  return argument && argument->name ? argument : NULL;
}

static int read_arguments(planner_t *planner, const aod__selection_t *selection,
                          aod__plan_t *plan) {
  plan->query = (aod__index_query_t){.height_max = INT64_MAX, .limit = AOD__GRAPHQL_FIRST_DEFAULT};
  plan->arguments = selection->arguments;
  for (const aod__argument_t *a = selection->arguments; a; a = a->next) {
    const aod__gql_argument_t *argument = find_argument(plan->field, a->name);
    if (!argument)
      return aod_fail(planner->err, AOD_EINPUT, "Unknown argument \"%.*s\" on field \"%s.%s\".",
                      AOD_ARG(a->name), plan->type_name, plan->field->name);
    aod__value_t *value;
    int code = resolve(planner, a->value, &value);
    if (code == AOD_OK && value)
      code = argument->read(value, planner->arena, &plan->query, planner->err);
    if (code != AOD_OK) return aod_error_prefix(planner->err, "Argument \"%s\"", argument->name);
  }
  return AOD_OK;
}

static bool same_value(const aod__value_t *a, const aod__value_t *b) {
  bool same = a->kind == b->kind && aod_slice_equal(a->text, b->text) && a->truth == b->truth &&
              aod_slice_equal(a->name, b->name);
  const aod__value_t *x = a->first, *y = b->first;
  for (; same && x && y; x = x->next, y = y->next) same = same_value(x, y);
  return same && !x && !y;
}

static bool same_arguments(const aod__argument_t *a, const aod__argument_t *b) {
  for (; a && b; a = a->next, b = b->next)
    if (!aod_slice_equal(a->name, b->name) || !same_value(a->value, b->value)) return false;
  return !a && !b;
}

/* ---- directives ---- */

static int read_directive(planner_t *planner, const aod__directive_t *directive, bool *keep) {
  bool skips = aod_slice_is(directive->name, "skip");
  if (!skips && !aod_slice_is(directive->name, "include"))
    return aod_fail(planner->err, AOD_EINPUT, "Unknown directive \"@%.*s\".",
                    AOD_ARG(directive->name));
  const aod__argument_t *argument = directive->arguments;
  aod__value_t *value = NULL;
  if (argument && aod_slice_is(argument->name, "if") && !argument->next) {
    int code = resolve(planner, argument->value, &value);
    if (code != AOD_OK) return code;
  }
  if (!value || value->kind != AOD__VALUE_BOOL)
    return aod_fail(planner->err, AOD_EINPUT, "Directive \"@%.*s\" needs the argument if: Boolean.",
                    AOD_ARG(directive->name));
  if (value->truth == skips) *keep = false;
  return AOD_OK;
}

static int read_directives(planner_t *planner, const aod__selection_t *selection, bool *keep) {
  *keep = true;
  for (const aod__directive_t *d = selection->directives; d; d = d->next) {
    int code = read_directive(planner, d, keep);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

/* ---- selections ---- */

static int plan_selections(planner_t *planner, const aod__gql_type_t *type,
                           const aod__selection_t *selections, int depth, aod__plan_t **list);

static int find_field(planner_t *planner, const aod__gql_type_t *type, aod_slice_t name,
                      const aod__gql_field_t **field) {
  *field = NULL;
  if (aod_slice_is(name, "__typename")) return AOD_OK;
  if (aod_slice_starts(name, "__"))
    return aod_fail(planner->err, AOD_EINPUT, "Introspection (\"%.*s\") is not offered.",
                    AOD_ARG(name));
  for (const aod__gql_field_t *f = type->fields; f->name; f++) {
    if (!aod_slice_is(name, f->name)) continue;
    *field = f;
    return AOD_OK;
  }
  return aod_fail(planner->err, AOD_EINPUT, "Cannot query field \"%.*s\" on type \"%s\".",
                  AOD_ARG(name), type->name);
}

/* The plan with this key in *list: a new one at the end, or the one to merge with. */
static int plan_entry(planner_t *planner, const aod__gql_type_t *type,
                      const aod__selection_t *selection, const aod__gql_field_t *field,
                      aod__plan_t **list, aod__plan_t **entry) {
  aod_slice_t key = selection->alias.len ? selection->alias : selection->name;
  while (*list && !aod_slice_is(key, (*list)->key)) list = &(*list)->next;
  *entry = *list;
  if (!*list) {
    *entry = *list = NEW(planner, aod__plan_t);
    (*entry)->key = (const char *)aod_arena_copy(planner->arena, key).ptr;
    (*entry)->field = field;
    (*entry)->type_name = type->name;
    return field ? read_arguments(planner, selection, *entry) : AOD_OK;
  }
  if ((*entry)->field != field || !same_arguments((*entry)->arguments, selection->arguments))
    return aod_fail(planner->err, AOD_EINPUT,
                    "Fields \"%.*s\" conflict: use different aliases to fetch both.", AOD_ARG(key));
  return AOD_OK;
}

static int plan_field(planner_t *planner, const aod__gql_type_t *type,
                      const aod__selection_t *selection, int depth, aod__plan_t **list) {
  const aod__gql_field_t *field;
  aod__plan_t *entry;
  int code = find_field(planner, type, selection->name, &field);
  if (code == AOD_OK) code = plan_entry(planner, type, selection, field, list, &entry);
  if (code != AOD_OK) return code;
  bool is_object = field && field->type;
  if (is_object != (selection->selections != NULL))
    return aod_fail(planner->err, AOD_EINPUT,
                    "Field \"%.*s\" must%s have a selection of subfields.",
                    AOD_ARG(selection->name), is_object ? "" : " not");
  if (!is_object) return AOD_OK;
  return plan_selections(planner, field->type, selection->selections, depth + 1, &entry->children);
}

static int plan_fragment(planner_t *planner, const aod__gql_type_t *type, aod_slice_t on,
                         const aod__selection_t *selections, int depth, aod__plan_t **list) {
  if (on.len && !aod_slice_is(on, type->name))
    return aod_fail(planner->err, AOD_EINPUT, "A fragment on \"%.*s\" cannot be used on \"%s\".",
                    AOD_ARG(on), type->name);
  return plan_selections(planner, type, selections, depth + 1, list);
}

static int plan_spread(planner_t *planner, const aod__gql_type_t *type, aod_slice_t name, int depth,
                       aod__plan_t **list) {
  for (const aod__definition_t *d = planner->document; d; d = d->next)
    if (d->is_fragment && aod_slice_equal(d->name, name))
      return plan_fragment(planner, type, d->kind, d->selections, depth, list);
  return aod_fail(planner->err, AOD_EINPUT, "Unknown fragment \"%.*s\".", AOD_ARG(name));
}

static int plan_selections(planner_t *planner, const aod__gql_type_t *type,
                           const aod__selection_t *selections, int depth, aod__plan_t **list) {
  if (depth > AOD__GRAPHQL_DEPTH_MAX)
    return aod_fail(planner->err, AOD_EINPUT, "Nested more than %d levels deep.",
                    AOD__GRAPHQL_DEPTH_MAX);
  for (const aod__selection_t *s = selections; s; s = s->next) {
    if (++planner->fields > AOD__GRAPHQL_FIELDS_MAX)
      return aod_fail(planner->err, AOD_EINPUT, "More than %d fields are selected.",
                      AOD__GRAPHQL_FIELDS_MAX);
    bool keep;
    int code = read_directives(planner, s, &keep);
    if (code == AOD_OK && keep && s->kind == AOD__SELECT_FIELD)
      code = plan_field(planner, type, s, depth, list);
    if (code == AOD_OK && keep && s->kind == AOD__SELECT_SPREAD)
      code = plan_spread(planner, type, s->name, depth, list);
    if (code == AOD_OK && keep && s->kind == AOD__SELECT_INLINE)
      code = plan_fragment(planner, type, s->name, s->selections, depth, list);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

/* ---- operations ---- */

static int choose_operation(planner_t *planner, aod_slice_t name,
                            const aod__definition_t **operation) {
  *operation = NULL;
  for (const aod__definition_t *d = planner->document; d; d = d->next) {
    if (d->is_fragment || (name.len && !aod_slice_equal(d->name, name))) continue;
    if (*operation)
      return aod_fail(planner->err, AOD_EINPUT,
                      "Must provide operation name if query contains multiple operations.");
    *operation = d;
  }
  if (!*operation)
    return aod_fail(planner->err, AOD_EINPUT, "Unknown operation named \"%.*s\".", AOD_ARG(name));
  if (!aod_slice_is((*operation)->kind, "query"))
    return aod_fail(planner->err, AOD_EINPUT, "Schema is not configured for %.*ss.",
                    AOD_ARG((*operation)->kind));
  return AOD_OK;
}

int aod__graphql_plan(const aod__definition_t *document, aod_slice_t name, const json_t *variables,
                      aod_arena_t *arena, aod__plan_t **plan, aod_error_t *err) {
  planner_t planner = {.document = document, .arena = arena, .err = err};
  const aod__definition_t *operation;
  *plan = NULL;
  int code = choose_operation(&planner, name, &operation);
  if (code == AOD_OK) code = read_variables(&planner, operation->variables, variables);
  if (code != AOD_OK) return code;
  return plan_selections(&planner, &aod__graphql_query, operation->selections, 0, plan);
}
