/* Tokens of GraphQL. Internal to the parser. */
#ifndef AOD_AR_GRAPHQL_LEX_H
#define AOD_AR_GRAPHQL_LEX_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

typedef enum {
  AOD__TOKEN_END,
  AOD__TOKEN_PUNCTUATOR, /* one of !$&()=:@[]{|} */
  AOD__TOKEN_SPREAD,     /* ... */
  AOD__TOKEN_NAME,
  AOD__TOKEN_INT,
  AOD__TOKEN_FLOAT,
  AOD__TOKEN_STRING
} aod__token_kind_t;

typedef struct {
  aod_slice_t all, rest;
  int count;
  aod_arena_t *arena;
  aod__token_kind_t kind; /* the current token */
  aod_slice_t text;       /* as written; of a string what it means */
  const uint8_t *start;
} aod__lexer_t;

void aod__lexer_init(aod__lexer_t *lexer, aod_slice_t text, aod_arena_t *arena);
/* Move to the next token. AOD_EINPUT. */
int aod__lexer_next(aod__lexer_t *lexer, aod_error_t *err);
/* Fail with "line:column: " before the message; the place is the current token's. */
int aod__lexer_fail(const aod__lexer_t *lexer, aod_error_t *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
