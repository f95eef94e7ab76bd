/* The parser of GraphQL documents: recursive descent with one token of look-ahead.
 *
 * A parse function returns NULL or false after a failure, which is then recorded in the parser; the
 * first one counts. Depth and tokens are limited, so hostile texts cost no more than honest ones.
 */
#include "ar/graphql.h"
#include "ar/graphql_lex.h"

typedef struct {
  aod__lexer_t lexer;
  aod_arena_t *arena;
  aod_error_t *err;
  int code;
  int depth;
} parser_t;

#define NEW(parser, type) ((type *)aod_arena_alloc((parser)->arena, sizeof(type)))

/* ---- tokens ---- */

static bool advance(parser_t *parser) {
  if (parser->code == AOD_OK) parser->code = aod__lexer_next(&parser->lexer, parser->err);
  return parser->code == AOD_OK;
}

static bool fail_expected(parser_t *parser, const char *expected) {
  if (parser->code != AOD_OK) return false;
  bool end = parser->lexer.kind == AOD__TOKEN_END;
  aod_slice_t found = aod_slice_sub(parser->lexer.text, 0, 50);
  parser->code = aod__lexer_fail(&parser->lexer, parser->err, "Expected %s, found %s%.*s%s.",
                                 expected, end ? "<EOF>" : "\"", AOD_ARG(found), end ? "" : "\"");
  return false;
}

static bool at(const parser_t *parser, char punctuator) {
  return parser->code == AOD_OK && parser->lexer.kind == AOD__TOKEN_PUNCTUATOR &&
         parser->lexer.text.ptr[0] == punctuator;
}

static bool accept(parser_t *parser, char punctuator) {
  return at(parser, punctuator) && advance(parser);
}

static bool expect(parser_t *parser, char punctuator) {
  char expected[] = {'"', punctuator, '"', 0};
  if (!at(parser, punctuator)) return fail_expected(parser, expected);
  return advance(parser);
}

static bool at_name(const parser_t *parser) {
  return parser->code == AOD_OK && parser->lexer.kind == AOD__TOKEN_NAME;
}

static bool at_keyword(const parser_t *parser, const char *word) {
  return at_name(parser) && aod_slice_is(parser->lexer.text, word);
}

static bool take_name(parser_t *parser, aod_slice_t *name) {
  if (!at_name(parser)) return fail_expected(parser, "Name");
  *name = parser->lexer.text;
  return advance(parser);
}

static bool enter(parser_t *parser) {
  if (parser->code == AOD_OK && ++parser->depth > AOD__GRAPHQL_DEPTH_MAX)
    parser->code = aod__lexer_fail(&parser->lexer, parser->err, "Nested more than %d levels deep.",
                                   AOD__GRAPHQL_DEPTH_MAX);
  return parser->code == AOD_OK;
}

static void leave(parser_t *parser) {
  parser->depth--;
}

/* ---- values ---- */

static aod__value_t *parse_value(parser_t *parser);

static bool parse_list(parser_t *parser, aod__value_t *list) {
  list->kind = AOD__VALUE_LIST;
  aod__value_t **end = &list->first;
  if (!advance(parser)) return false;
  while (!at(parser, ']')) {
    aod__value_t *value = parse_value(parser);
    if (!value) return false;
    *end = value;
    end = &value->next;
  }
  return advance(parser);
}

static bool parse_object(parser_t *parser, aod__value_t *object) {
  object->kind = AOD__VALUE_OBJECT;
  aod__value_t **end = &object->first;
  if (!advance(parser)) return false;
  while (!at(parser, '}')) {
    aod_slice_t name;
    if (!take_name(parser, &name) || !expect(parser, ':')) return false;
    aod__value_t *value = parse_value(parser);
    if (!value) return false;
    value->name = name;
    *end = value;
    end = &value->next;
  }
  return advance(parser);
}

static void name_value(aod__value_t *value) {
  value->kind = AOD__VALUE_ENUM;
  if (aod_slice_is(value->text, "null")) value->kind = AOD__VALUE_NULL;
  value->truth = aod_slice_is(value->text, "true");
  if (value->truth || aod_slice_is(value->text, "false")) value->kind = AOD__VALUE_BOOL;
}

static bool parse_scalar(parser_t *parser, aod__value_t *value) {
  value->text = parser->lexer.text;
  switch (parser->lexer.kind) {
  case AOD__TOKEN_INT:
    value->kind = AOD__VALUE_INT;
    break;
  case AOD__TOKEN_FLOAT:
    value->kind = AOD__VALUE_FLOAT;
    break;
  case AOD__TOKEN_STRING:
    value->kind = AOD__VALUE_STRING;
    break;
  case AOD__TOKEN_NAME:
    name_value(value);
    break;
  default:
    return fail_expected(parser, "a value");
  }
  return advance(parser);
}

static aod__value_t *parse_value(parser_t *parser) {
  if (!enter(parser)) return NULL;
  aod__value_t *value = NEW(parser, aod__value_t);
  bool good;
  if (at(parser, '[')) {
    good = parse_list(parser, value);
  } else if (at(parser, '{')) {
    good = parse_object(parser, value);
  } else if (accept(parser, '$')) {
    value->kind = AOD__VALUE_VARIABLE;
    good = take_name(parser, &value->text);
  } else {
    good = parse_scalar(parser, value);
  }
  leave(parser);
  return good ? value : NULL;
}

/* ---- arguments and directives ---- */

static aod__argument_t *parse_arguments(parser_t *parser) {
  aod__argument_t *first = NULL, **end = &first;
  if (!accept(parser, '(')) return NULL;
  do {
    aod__argument_t *argument = NEW(parser, aod__argument_t);
    if (!take_name(parser, &argument->name) || !expect(parser, ':')) return NULL;
    argument->value = parse_value(parser);
    *end = argument;
    end = &argument->next;
  } while (at_name(parser));
  expect(parser, ')');
  return first;
}

static aod__directive_t *parse_directives(parser_t *parser) {
  aod__directive_t *first = NULL, **end = &first;
  while (accept(parser, '@')) {
    aod__directive_t *directive = NEW(parser, aod__directive_t);
    if (!take_name(parser, &directive->name)) return NULL;
    directive->arguments = parse_arguments(parser);
    *end = directive;
    end = &directive->next;
  }
  return first;
}

/* ---- selections ---- */

static aod__selection_t *parse_selections(parser_t *parser);

static void parse_field(parser_t *parser, aod__selection_t *selection) {
  selection->kind = AOD__SELECT_FIELD;
  if (!take_name(parser, &selection->name)) return;
  if (accept(parser, ':')) {
    selection->alias = selection->name;
    if (!take_name(parser, &selection->name)) return;
  }
  selection->arguments = parse_arguments(parser);
  selection->directives = parse_directives(parser);
  if (at(parser, '{')) selection->selections = parse_selections(parser);
}

/* After "...": a spread of a named fragment, or a fragment in place. */
static void parse_fragment_use(parser_t *parser, aod__selection_t *selection) {
  if (at_name(parser) && !at_keyword(parser, "on")) {
    selection->kind = AOD__SELECT_SPREAD;
    if (!take_name(parser, &selection->name)) return;
    selection->directives = parse_directives(parser);
    return;
  }
  selection->kind = AOD__SELECT_INLINE;
  if (at_keyword(parser, "on") && (!advance(parser) || !take_name(parser, &selection->name)))
    return;
  selection->directives = parse_directives(parser);
  selection->selections = parse_selections(parser);
}

static aod__selection_t *parse_selections(parser_t *parser) {
  aod__selection_t *first = NULL, **end = &first;
  if (!enter(parser) || !expect(parser, '{')) return NULL;
  do {
    aod__selection_t *selection = NEW(parser, aod__selection_t);
    if (parser->lexer.kind != AOD__TOKEN_SPREAD)
      parse_field(parser, selection);
    else if (advance(parser))
      parse_fragment_use(parser, selection);
    *end = selection;
    end = &selection->next;
  } while (parser->code == AOD_OK && !at(parser, '}'));
  expect(parser, '}');
  leave(parser);
  return first;
}

/* ---- definitions ---- */

/* The type of a variable. Only whether it may be left out matters: arguments are checked where
 * they are used. */
static bool parse_type(parser_t *parser, bool *required) {
  if (!enter(parser)) return false;
  bool inner;
  aod_slice_t name;
  bool good = accept(parser, '[') ? parse_type(parser, &inner) && expect(parser, ']')
                                  : take_name(parser, &name);
  *required = good && accept(parser, '!');
  leave(parser);
  return parser->code == AOD_OK;
}

static aod__variable_t *parse_variables(parser_t *parser) {
  aod__variable_t *first = NULL, **end = &first;
  if (!accept(parser, '(')) return NULL;
  do {
    aod__variable_t *variable = NEW(parser, aod__variable_t);
    if (!expect(parser, '$') || !take_name(parser, &variable->name) || !expect(parser, ':') ||
        !parse_type(parser, &variable->required))
      return NULL;
    if (accept(parser, '=')) variable->fallback = parse_value(parser);
    parse_directives(parser);
    *end = variable;
    end = &variable->next;
  } while (at(parser, '$'));
  expect(parser, ')');
  return first;
}

static void parse_fragment(parser_t *parser, aod__definition_t *definition) {
  definition->is_fragment = true;
  if (!advance(parser) || !take_name(parser, &definition->name)) return;
  if (!at_keyword(parser, "on")) {
    fail_expected(parser, "\"on\"");
    return;
  }
  if (!advance(parser) || !take_name(parser, &definition->kind)) return;
  parse_directives(parser);
  definition->selections = parse_selections(parser);
}

static void parse_operation(parser_t *parser, aod__definition_t *definition) {
  definition->kind = AOD_TEXT("query");
  if (!at(parser, '{')) {
    bool known = at_keyword(parser, "query") || at_keyword(parser, "mutation") ||
                 at_keyword(parser, "subscription");
    if (!known) {
      fail_expected(parser, "a definition");
      return;
    }
    take_name(parser, &definition->kind);
    if (at_name(parser)) take_name(parser, &definition->name);
    definition->variables = parse_variables(parser);
    parse_directives(parser);
  }
  definition->selections = parse_selections(parser);
}

int aod__graphql_parse(aod_slice_t text, aod_arena_t *arena, aod__definition_t **document,
                       aod_error_t *err) {
  parser_t parser = {.arena = arena, .err = err};
  aod__lexer_init(&parser.lexer, text, arena);
  aod__definition_t **end = document;
  *document = NULL;
  advance(&parser);
  do {
    aod__definition_t *definition = NEW(&parser, aod__definition_t);
    if (at_keyword(&parser, "fragment"))
      parse_fragment(&parser, definition);
    else
      parse_operation(&parser, definition);
    *end = definition;
    end = &definition->next;
  } while (parser.code == AOD_OK && parser.lexer.kind != AOD__TOKEN_END);
  return parser.code;
}
