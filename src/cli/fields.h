/* What the signing tools take from the command line. */
#ifndef AOD_CLI_FIELDS_H
#define AOD_CLI_FIELDS_H

#include "arweave/item.h"
#include "base/options.h"

enum { AOD_WALLET_BYTES_MAX = 65536 };

/* The key in a JWK file ("-": stdin). `path` NULL is AOD_EUSAGE: a wallet is always named. */
int aod_wallet_load(const char *path, aod_signer_t **signer, aod_error_t *err);

/* "NAME=VALUE" words; the slices point into them. */
int aod_fields_tags(const aod_option_list_t *words, aod_arena_t *arena, aod_tags_t *tags,
                    aod_error_t *err);

/* An id of 43 characters as 32 bytes; NULL: empty. */
int aod_fields_id(const char *option, const char *text, aod_arena_t *arena, aod_slice_t *id,
                  aod_error_t *err);

/* An anchor as people write it: 32 characters as they are, or 43 of base64url (arweave.md 10). */
int aod_fields_anchor(const char *text, aod_arena_t *arena, aod_slice_t *anchor, aod_error_t *err);

#endif
