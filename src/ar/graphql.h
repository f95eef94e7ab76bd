/* GraphQL: a small parser, planner and executor for the gateway's schema. Internal to ar.
 *
 * text ─parse─▶ document ─plan, with the variables and the schema─▶ plan ─run, on the index─▶ JSON
 *
 * Parsing and planning are pure. Everything they make lives in the request's arena. */
#ifndef AOD_AR_GRAPHQL_H
#define AOD_AR_GRAPHQL_H

#include <jansson.h>

#include "ar/ar.h"
#include "ar/index.h"
#include "ar/limits.h"

/* ---- documents ---- */

typedef enum {
  AOD__VALUE_NULL,
  AOD__VALUE_INT,
  AOD__VALUE_FLOAT,
  AOD__VALUE_STRING,
  AOD__VALUE_BOOL,
  AOD__VALUE_ENUM,
  AOD__VALUE_LIST,
  AOD__VALUE_OBJECT,
  AOD__VALUE_VARIABLE
} aod__value_kind_t;

typedef struct aod__value aod__value_t;
struct aod__value {
  aod__value_kind_t kind;
  aod_slice_t text; /* string (unescaped), number, enum, variable's name */
  bool truth;
  aod__value_t *first; /* list entries or object members, in order */
  aod__value_t *next;  /* within a list or object */
  aod_slice_t name;    /* within an object */
};

typedef struct aod__argument aod__argument_t;
struct aod__argument {
  aod_slice_t name;
  aod__value_t *value;
  aod__argument_t *next;
};

typedef struct aod__directive aod__directive_t;
struct aod__directive {
  aod_slice_t name;
  aod__argument_t *arguments;
  aod__directive_t *next;
};

typedef struct aod__selection aod__selection_t;
struct aod__selection {
  enum { AOD__SELECT_FIELD, AOD__SELECT_SPREAD, AOD__SELECT_INLINE } kind;
  aod_slice_t name;  /* field or fragment; of an inline fragment its type, may be empty */
  aod_slice_t alias; /* empty: none */
  aod__argument_t *arguments;
  aod__directive_t *directives;
  aod__selection_t *selections; /* NULL: none */
  aod__selection_t *next;
};

typedef struct aod__variable aod__variable_t;
struct aod__variable {
  aod_slice_t name;
  bool required;
  aod__value_t *fallback; /* NULL: none */
  aod__variable_t *next;
};

typedef struct aod__definition aod__definition_t;
struct aod__definition {
  bool is_fragment;
  aod_slice_t kind; /* "query", "mutation", ...; of a fragment the type it applies to */
  aod_slice_t name;
  aod__variable_t *variables;
  aod__selection_t *selections;
  aod__definition_t *next;
};

/* AOD_EINPUT naming line, column and what was expected. */
int aod__graphql_parse(aod_slice_t text, aod_arena_t *arena, aod__definition_t **document,
                       aod_error_t *err);

/* ---- schema: tables in graphql_schema.c ---- */

typedef struct aod__gql_type aod__gql_type_t;

/* An argument knows how to become part of a query on the index. Its value is not null and holds no
 * variable. AOD_EINPUT without the argument's name. */
typedef struct {
  const char *name;
  int (*read)(const aod__value_t *value, aod_arena_t *arena, aod__index_query_t *query,
              aod_error_t *err);
} aod__gql_argument_t;

/* A field is a leaf (`leaf`), an object (`type` and `child`), a list of objects (`type`, `count`
 * and `at`), or, at the root, an object that must be fetched (`type` and `fetch`). */
typedef struct {
  const char *name;
  const aod__gql_type_t *type;
  void (*leaf)(aod_buf_t *json, const void *object);
  const void *(*child)(const void *object); /* NULL result: null */
  size_t (*count)(const void *object);
  const void *(*at)(const void *object, size_t index);
  int (*fetch)(aod_ar_t *ar, aod_arena_t *arena, const aod__index_query_t *query,
               const void **object, aod_error_t *err); /* *object NULL: null */
  const aod__gql_argument_t *arguments;                /* ends with a row whose name is NULL */
} aod__gql_field_t;

struct aod__gql_type {
  const char *name;
  const aod__gql_field_t *fields; /* ends with a row whose name is NULL */
};

extern const aod__gql_type_t aod__graphql_query; /* the root */

/* The arguments of the root's fields: graphql_filter.c. */
extern const aod__gql_argument_t aod__graphql_transaction_arguments[];
extern const aod__gql_argument_t aod__graphql_transactions_arguments[];
extern const aod__gql_argument_t aod__graphql_block_arguments[];
extern const aod__gql_argument_t aod__graphql_blocks_arguments[];

/* ---- plans: selections merged, fragments put in, variables replaced ---- */

typedef struct aod__plan aod__plan_t;
struct aod__plan {
  const char *key;               /* what the response calls it */
  const aod__gql_field_t *field; /* NULL: __typename */
  const char *type_name;         /* the type that the field belongs to */
  const aod__argument_t *arguments;
  aod__index_query_t query; /* what the arguments say, where the field takes any */
  aod__plan_t *children;
  aod__plan_t *next;
};

/* Plan the operation `name` (empty: the only one). `variables`: an object or NULL; not kept.
 * AOD_EINPUT naming the reason. */
int aod__graphql_plan(const aod__definition_t *document, aod_slice_t name, const json_t *variables,
                      aod_arena_t *arena, aod__plan_t **plan, aod_error_t *err);

/* ---- running ---- */

/* Answer a request's body {"query", "variables", "operationName"}: appends the response and returns
 * its HTTP status. */
int aod__graphql_answer(aod_ar_t *ar, aod_slice_t body, aod_arena_t *arena, aod_buf_t *response);

#endif
