/* Hashes: SHA-256, SHA-384 and Arweave's deep hash over them (arweave.md 1.5). */
#ifndef AOD_ARWEAVE_HASH_H
#define AOD_ARWEAVE_HASH_H

#include "base/bytes.h"

void aod_sha256(aod_slice_t bytes, uint8_t digest[32]);
void aod_sha384(aod_slice_t bytes, uint8_t digest[48]);
/* SHA-256 over several parts as if they were one. */
void aod_sha256_parts(const aod_slice_t *parts, size_t count, uint8_t digest[32]);

/* SHA-256 of bytes that come in pieces: begin, add, finish; then deinit, always. */
typedef struct {
  struct evp_md_ctx_st *context; /* OpenSSL's EVP_MD_CTX */
} aod_sha256_t;

void aod_sha256_begin(aod_sha256_t *hash);
void aod_sha256_add(aod_sha256_t *hash, aod_slice_t piece);
void aod_sha256_finish(aod_sha256_t *hash, uint8_t digest[32]);
void aod_sha256_deinit(aod_sha256_t *hash);

/* Deep hash, folded by the caller: begin a list of `count` elements, add each, read `state`. */
typedef struct {
  uint8_t state[48];
} aod_deep_hash_t;

void aod_deep_hash_begin(aod_deep_hash_t *hash, size_t count);
void aod_deep_hash_add(aod_deep_hash_t *hash, aod_slice_t blob);
void aod_deep_hash_add_digest(aod_deep_hash_t *hash, const uint8_t digest[48]); /* a nested list */
void aod_deep_hash_blob(aod_slice_t blob, uint8_t digest[48]);

/* The deep hash of a blob that comes in pieces: begin, add, finish; then deinit, always. */
typedef struct {
  struct evp_md_ctx_st *content; /* OpenSSL's EVP_MD_CTX */
  uint64_t len;
} aod_blob_hash_t;

void aod_blob_hash_begin(aod_blob_hash_t *hash);
void aod_blob_hash_add(aod_blob_hash_t *hash, aod_slice_t piece);
void aod_blob_hash_finish(aod_blob_hash_t *hash, uint8_t digest[48]);
void aod_blob_hash_deinit(aod_blob_hash_t *hash);

#endif
