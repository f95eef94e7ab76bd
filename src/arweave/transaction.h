/* Base-layer transactions (arweave.md 3): the JSON form, verifying formats 1 and 2, signing 2. */
#ifndef AOD_ARWEAVE_TRANSACTION_H
#define AOD_ARWEAVE_TRANSACTION_H

#include <jansson.h>

#include "arweave/item.h"

enum { AOD_TRANSACTION_TAGS_MAX = 2048, AOD_TRANSACTION_TAG_BYTES_MAX = 2048 };

/* Slices point into the arena given to parse. Amounts are decimal texts, in winston: they exceed
 * 64 bits, and their text is what is signed. */
typedef struct {
  int format; /* 1 or 2 */
  uint8_t id[AOD_ID_BYTES];
  aod_slice_t last_tx; /* anchor: up to 48 bytes */
  aod_slice_t owner;   /* RSA modulus; empty: a secp256k1 key, to be recovered */
  aod_slice_t target;  /* 32 bytes or empty */
  aod_slice_t quantity, reward, denomination; /* denomination empty: none */
  aod_tags_t tags;
  aod_slice_t data; /* empty when it is uploaded in chunks */
  uint64_t data_size;
  aod_slice_t data_root; /* 32 bytes or empty */
  aod_slice_t signature;
} aod_transaction_t;

/* Read the JSON form. Members that are missing count as empty or "0", except id and signature.
 * AOD_EINPUT naming the member. */
int aod_transaction_parse(aod_slice_t json, aod_arena_t *arena, aod_transaction_t *transaction,
                          aod_error_t *err);
int aod_transaction_from_json(const json_t *json, aod_arena_t *arena,
                              aod_transaction_t *transaction, aod_error_t *err);
/* Append the JSON form; without `with_data`, "data" is empty, as in answers of nodes. */
void aod_transaction_write(const aod_transaction_t *transaction, bool with_data, aod_buf_t *json);

/* Id, signature, the node's rules that need no state, and that data which is there has the root.
 * AOD_ESIGNATURE or AOD_EINPUT naming the reason. */
int aod_transaction_verify(const aod_transaction_t *transaction, aod_error_t *err);
/* The address of whoever signed. False when there is no owner and none can be recovered. */
bool aod_transaction_address(const aod_transaction_t *transaction, uint8_t address[32]);
/* Format 2: the 48 bytes that the signature covers. */
void aod_transaction_deep_hash(const aod_transaction_t *transaction, uint8_t digest[48]);

/* Set data, data_size and data_root (the root into the arena). */
void aod_transaction_set_data(aod_transaction_t *transaction, aod_slice_t data, aod_arena_t *arena);
/* Sign format 2 with all other members set: sets owner, signature (into the arena) and id.
 * AOD_EUNSUPPORTED for kinds of key that the base layer does not know. */
int aod_transaction_sign(aod_transaction_t *transaction, const aod_signer_t *signer,
                         aod_arena_t *arena, aod_error_t *err);

#endif
