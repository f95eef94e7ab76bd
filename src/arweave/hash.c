/* Hashes. Deep hash turns a tree of blobs and lists into 48 bytes:
 *
 *   blob b:  H(H("blob" || decimal length) || H(b))
 *   list L:  start with H("list" || decimal count), then for each element state = H(state || DH(e))
 *
 * The caller folds lists itself (begin, add, read the state), so no tree is ever built and nothing
 * recurses. Two dozen short hashes stand before every signature, which is why they go through
 * contexts that the thread keeps. */
#include "arweave/hash.h"

#include "arweave/thread.h"
#include "base/error.h"

/* OpenSSL's digests fail only when it cannot allocate or is misused: both are impossible states. */
static void digest_parts(EVP_MD_CTX *context, const aod_slice_t *parts, size_t count,
                         uint8_t *digest) {
  aod_assert(EVP_DigestInit_ex2(context, NULL, NULL));
  for (size_t i = 0; i < count; i++)
    if (parts[i].len) aod_assert(EVP_DigestUpdate(context, parts[i].ptr, parts[i].len));
  aod_assert(EVP_DigestFinal_ex(context, digest, NULL));
}

void aod_sha256(aod_slice_t bytes, uint8_t digest[32]) {
  digest_parts(aod__thread()->sha256, &bytes, 1, digest);
}

void aod_sha256_parts(const aod_slice_t *parts, size_t count, uint8_t digest[32]) {
  digest_parts(aod__thread()->sha256, parts, count, digest);
}

void aod_sha384(aod_slice_t bytes, uint8_t digest[48]) {
  digest_parts(aod__thread()->sha384, &bytes, 1, digest);
}

/* ---- SHA-256 in pieces ---- */

void aod_sha256_begin(aod_sha256_t *hash) {
  hash->context = EVP_MD_CTX_new();
  aod_assert(hash->context && EVP_DigestInit_ex2(hash->context, aod__md_sha256(), NULL));
}

void aod_sha256_add(aod_sha256_t *hash, aod_slice_t piece) {
  if (piece.len) aod_assert(EVP_DigestUpdate(hash->context, piece.ptr, piece.len));
}

void aod_sha256_finish(aod_sha256_t *hash, uint8_t digest[32]) {
  aod_assert(EVP_DigestFinal_ex(hash->context, digest, NULL));
}

void aod_sha256_deinit(aod_sha256_t *hash) {
  EVP_MD_CTX_free(hash->context);
  hash->context = NULL;
}

/* ---- deep hash ---- */

/* H("blob" || length) or H("list" || count), the number in decimal. Written by hand: printf would
 * take as long as the hash. */
static void label_hash(const char kind[4], uint64_t number, uint8_t digest[48]) {
  char label[32], *at = label + sizeof label;
  do *--at = (char)('0' + number % 10);
  while (number /= 10);
  at -= 4;
  memcpy(at, kind, 4);
  aod_sha384(aod_slice(at, (size_t)(label + sizeof label - at)), digest);
}

/* H(left || right), both 48 bytes. `digest` may be either of them. */
static void pair_hash(const uint8_t left[48], const uint8_t right[48], uint8_t digest[48]) {
  aod_slice_t parts[2] = {{left, 48}, {right, 48}};
  digest_parts(aod__thread()->sha384, parts, 2, digest);
}

/* The deep hash of the empty blob: targets, anchors and tags are often absent. */
static const uint8_t empty_blob[48] = {
    0xfb, 0xf0, 0x0c, 0xc4, 0x44, 0xf5, 0xfe, 0xa9, 0xdc, 0x3b, 0xed, 0xf6, 0x2a, 0x13, 0xfb, 0xa8,
    0xae, 0x87, 0xe7, 0x44, 0x5f, 0xc9, 0x10, 0x56, 0x7a, 0x23, 0xbe, 0xc4, 0xeb, 0x82, 0xfa, 0xdb,
    0x11, 0x43, 0xc4, 0x33, 0x06, 0x93, 0x14, 0xd8, 0x36, 0x29, 0x83, 0xdc, 0x3c, 0x2e, 0x4a, 0x38};

void aod_deep_hash_blob(aod_slice_t blob, uint8_t digest[48]) {
  if (blob.len == 0) {
    memcpy(digest, empty_blob, 48);
    return;
  }
  uint8_t label[48], content[48];
  label_hash("blob", blob.len, label);
  aod_sha384(blob, content);
  pair_hash(label, content, digest);
}

void aod_deep_hash_begin(aod_deep_hash_t *hash, size_t count) {
  label_hash("list", count, hash->state);
}

void aod_deep_hash_add(aod_deep_hash_t *hash, aod_slice_t blob) {
  uint8_t digest[48];
  aod_deep_hash_blob(blob, digest);
  aod_deep_hash_add_digest(hash, digest);
}

void aod_deep_hash_add_digest(aod_deep_hash_t *hash, const uint8_t digest[48]) {
  pair_hash(hash->state, digest, hash->state);
}

/* ---- blobs in pieces ---- */

void aod_blob_hash_begin(aod_blob_hash_t *hash) {
  hash->len = 0;
  hash->content = EVP_MD_CTX_new();
  aod_assert(hash->content && EVP_DigestInit_ex2(hash->content, aod__md_sha384(), NULL));
}

void aod_blob_hash_add(aod_blob_hash_t *hash, aod_slice_t piece) {
  if (piece.len) aod_assert(EVP_DigestUpdate(hash->content, piece.ptr, piece.len));
  hash->len += piece.len;
}

/* The length, unknown until now, enters through a hash of its own. */
void aod_blob_hash_finish(aod_blob_hash_t *hash, uint8_t digest[48]) {
  uint8_t label[48], content[48];
  aod_assert(EVP_DigestFinal_ex(hash->content, content, NULL));
  label_hash("blob", hash->len, label);
  pair_hash(label, content, digest);
}

void aod_blob_hash_deinit(aod_blob_hash_t *hash) {
  EVP_MD_CTX_free(hash->content);
  hash->content = NULL;
}
