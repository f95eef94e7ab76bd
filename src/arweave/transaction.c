/* Signatures and rules of transactions.
 *
 * Format 2 signs a deep hash that covers the data through its Merkle root. Format 1 signs a plain
 * concatenation with the data inside; since nothing separates its parts, the node refuses those
 * whose parts could be cut in another way. */
#include "arweave/transaction.h"

#include <stdio.h>

#include "arweave/ethereum.h"
#include "arweave/hash.h"
#include "arweave/merkle.h"
#include "arweave/rsa.h"
#include "arweave/scheme.h"
#include "arweave/signer_internal.h"

enum { SECP256K1_SIGNATURE_BYTES = 65, TARGET_BYTES = 32 };

/* ---- what is signed ---- */

static void tags_hash(const aod_tags_t *tags, uint8_t digest[48]) {
  aod_deep_hash_t list;
  aod_deep_hash_begin(&list, tags->count);
  for (size_t i = 0; i < tags->count; i++) {
    aod_deep_hash_t pair;
    aod_deep_hash_begin(&pair, 2);
    aod_deep_hash_add(&pair, tags->list[i].name);
    aod_deep_hash_add(&pair, tags->list[i].value);
    aod_deep_hash_add_digest(&list, pair.state);
  }
  memcpy(digest, list.state, sizeof list.state);
}

static bool has_denomination(const aod_transaction_t *transaction) {
  return transaction->denomination.len > 0 && !aod_slice_is(transaction->denomination, "0");
}

/* A secp256k1 transaction leaves its owner out, of the list too. */
void aod_transaction_deep_hash(const aod_transaction_t *transaction, uint8_t digest[48]) {
  char data_size[24];
  uint8_t tags[48];
  bool with_owner = transaction->owner.len > 0;
  aod_deep_hash_t hash;
  snprintf(data_size, sizeof data_size, "%llu", (unsigned long long)transaction->data_size);
  tags_hash(&transaction->tags, tags);
  aod_deep_hash_begin(&hash, 8 + (size_t)with_owner + (size_t)has_denomination(transaction));
  if (has_denomination(transaction)) aod_deep_hash_add(&hash, transaction->denomination);
  aod_deep_hash_add(&hash, AOD_TEXT("2"));
  if (with_owner) aod_deep_hash_add(&hash, transaction->owner);
  aod_deep_hash_add(&hash, transaction->target);
  aod_deep_hash_add(&hash, transaction->quantity);
  aod_deep_hash_add(&hash, transaction->reward);
  aod_deep_hash_add(&hash, transaction->last_tx);
  aod_deep_hash_add_digest(&hash, tags);
  aod_deep_hash_add(&hash, aod_text(data_size));
  aod_deep_hash_add(&hash, transaction->data_root);
  memcpy(digest, hash.state, sizeof hash.state);
}

static void concatenate(const aod_transaction_t *transaction, aod_buf_t *message) {
  aod_buf_append(message, transaction->owner);
  aod_buf_append(message, transaction->target);
  aod_buf_append(message, transaction->data);
  aod_buf_append(message, transaction->quantity);
  aod_buf_append(message, transaction->reward);
  aod_buf_append(message, transaction->last_tx);
  for (size_t i = 0; i < transaction->tags.count; i++) {
    aod_buf_append(message, transaction->tags.list[i].name);
    aod_buf_append(message, transaction->tags.list[i].value);
  }
}

/* ---- signatures ---- */

/* RSA keys of the base layer have 4096 bits, those of its first years may have 2048. */
static int verify_rsa(const aod_transaction_t *transaction, aod_slice_t message, aod_error_t *err) {
  if (transaction->owner.len != 512 && transaction->owner.len != 256)
    return aod_fail(err, AOD_ESIGNATURE, "owner has %zu bytes, no RSA key of Arweave has",
                    transaction->owner.len);
  return aod__rsa_verify(transaction->owner, transaction->signature, message, err);
}

static int verify_format1(const aod_transaction_t *transaction, aod_error_t *err) {
  aod_buf_t message = {0};
  concatenate(transaction, &message);
  int rc = verify_rsa(transaction, aod_buf_slice(&message), err);
  aod_buf_free(&message);
  return rc;
}

static int recover_owner(const aod_transaction_t *transaction, uint8_t key[33], aod_error_t *err) {
  uint8_t message[48], digest[32];
  if (transaction->format != 2 || transaction->signature.len != SECP256K1_SIGNATURE_BYTES)
    return aod_fail(err, AOD_ESIGNATURE, "owner is empty and the signature is no secp256k1 one");
  aod_transaction_deep_hash(transaction, message);
  aod_sha256(aod_slice(message, sizeof message), digest);
  return aod__secp256k1_recover(transaction->signature.ptr, transaction->signature.ptr[64], digest,
                                key, err);
}

/* Whatever key a secp256k1 signature yields is the owner: any signature verifies, and what a wrong
 * one shows is an address that has no money. */
static int verify_format2(const aod_transaction_t *transaction, aod_error_t *err) {
  uint8_t message[48], key[33];
  if (transaction->owner.len == 0) return recover_owner(transaction, key, err);
  aod_transaction_deep_hash(transaction, message);
  return verify_rsa(transaction, aod_slice(message, sizeof message), err);
}

bool aod_transaction_address(const aod_transaction_t *transaction, uint8_t address[32]) {
  uint8_t key[33];
  if (transaction->owner.len > 0) {
    aod_sha256(transaction->owner, address);
    return true;
  }
  if (recover_owner(transaction, key, NULL)) return false;
  aod_sha256(aod_slice(key, sizeof key), address);
  return true;
}

/* ---- the node's rules ---- */

static bool has_quantity(const aod_transaction_t *transaction) {
  return !aod_slice_is(transaction->quantity, "0");
}

/* The parts of format 1 that could be cut otherwise (ar_tx.erl verify_malleability). */
static int check_format1(const aod_transaction_t *transaction, aod_error_t *err) {
  aod_slice_t data = transaction->data;
  if (!has_quantity(transaction) && transaction->target.len > 0)
    return aod_fail(err, AOD_EINPUT, "format 1 with a target but no quantity is malleable");
  if (data.len > 0 && data.ptr[data.len - 1] >= '0' && data.ptr[data.len - 1] <= '9')
    return aod_fail(err, AOD_EINPUT, "format 1 with data that ends in a digit is malleable");
  return AOD_OK;
}

static int check_tags(const aod_tags_t *tags, aod_error_t *err) {
  size_t total = 0;
  for (size_t i = 0; i < tags->count; i++)
    total += tags->list[i].name.len + tags->list[i].value.len;
  if (total > AOD_TRANSACTION_TAG_BYTES_MAX)
    return aod_fail(err, AOD_EINPUT, "tags have %zu bytes, at most %d are allowed", total,
                    AOD_TRANSACTION_TAG_BYTES_MAX);
  return AOD_OK;
}

static int check_rules(const aod_transaction_t *transaction, aod_error_t *err) {
  uint8_t address[32];
  if (has_quantity(transaction) && transaction->target.len != TARGET_BYTES)
    return aod_fail(err, AOD_EINPUT, "there is a quantity, but no target of 32 bytes");
  if (aod_transaction_address(transaction, address) &&
      aod_slice_equal(aod_slice(address, sizeof address), transaction->target))
    return aod_fail(err, AOD_EINPUT, "the owner is the target");
  if (transaction->format == 1) {
    int rc = check_format1(transaction, err);
    if (rc) return rc;
  } else if ((transaction->data_size == 0) != (transaction->data_root.len == 0)) {
    return aod_fail(err, AOD_EINPUT, "data_size and data_root do not belong together");
  }
  return check_tags(&transaction->tags, err);
}

/* Data inside the transaction. Nodes cut it plainly, clients evenly: either root will do. */
static int check_data(const aod_transaction_t *transaction, aod_error_t *err) {
  if (transaction->format == 1 || transaction->data.len == 0) return AOD_OK;
  if (transaction->data.len != transaction->data_size)
    return aod_fail(err, AOD_EINPUT, "data has %zu bytes, data_size says %llu",
                    transaction->data.len, (unsigned long long)transaction->data_size);
  for (aod_split_t split = AOD_SPLIT_EVEN; split <= AOD_SPLIT_PLAIN; split++) {
    uint8_t root[32];
    aod_merkle_data_root(transaction->data, split, root);
    if (aod_slice_equal(aod_slice(root, sizeof root), transaction->data_root)) return AOD_OK;
  }
  return aod_fail(err, AOD_EINPUT, "data_root mismatch: it is not the root of the data");
}

int aod_transaction_verify(const aod_transaction_t *transaction, aod_error_t *err) {
  uint8_t id[AOD_ID_BYTES];
  aod_sha256(transaction->signature, id);
  if (memcmp(id, transaction->id, sizeof id) != 0)
    return aod_fail(err, AOD_EINPUT, "id mismatch: it is not the hash of the signature");
  int rc = transaction->format == 1 ? verify_format1(transaction, err)
                                    : verify_format2(transaction, err);
  if (!rc) rc = check_rules(transaction, err);
  return rc ? rc : check_data(transaction, err);
}

/* ---- signing ---- */

void aod_transaction_set_data(aod_transaction_t *transaction, aod_slice_t data,
                              aod_arena_t *arena) {
  transaction->data = data;
  transaction->data_size = data.len;
  transaction->data_root = AOD_EMPTY;
  if (data.len == 0) return;
  uint8_t *root = aod_arena_alloc(arena, 32);
  aod_merkle_data_root(data, AOD_SPLIT_EVEN, root);
  transaction->data_root = aod_slice(root, 32);
}

static int sign_rsa(const aod_signer_t *signer, const uint8_t message[48], aod_buf_t *signature,
                    aod_error_t *err) {
  return aod_signer_sign(signer, aod_slice(message, 48), false, signature, err);
}

static int sign_secp256k1(const aod_signer_t *signer, const uint8_t message[48],
                          aod_buf_t *signature, aod_error_t *err) {
  (void)err;
  uint8_t digest[32], made[SECP256K1_SIGNATURE_BYTES];
  aod_sha256(aod_slice(message, 48), digest);
  made[64] = (uint8_t)aod__secp256k1_sign(signer->secret, digest, made);
  aod_buf_append(signature, aod_slice(made, sizeof made));
  return AOD_OK;
}

int aod_transaction_sign(aod_transaction_t *transaction, const aod_signer_t *signer,
                         aod_arena_t *arena, aod_error_t *err) {
  int type = aod_signer_type(signer);
  if (transaction->format != 2 || (type != AOD_SCHEME_ARWEAVE && type != AOD_SCHEME_ETHEREUM))
    return aod_fail(err, AOD_EUNSUPPORTED,
                    "only transactions of format 2 and with RSA or secp256k1 keys can be signed");
  bool rsa = type == AOD_SCHEME_ARWEAVE;
  uint8_t message[48];
  aod_buf_t signature = {0};
  transaction->owner = rsa ? aod_arena_copy(arena, aod_signer_owner(signer)) : AOD_EMPTY;
  aod_transaction_deep_hash(transaction, message);
  int rc = (rsa ? sign_rsa : sign_secp256k1)(signer, message, &signature, err);
  if (!rc) {
    transaction->signature = aod_arena_copy(arena, aod_buf_slice(&signature));
    aod_sha256(transaction->signature, transaction->id);
  }
  aod_buf_free(&signature);
  return rc;
}
