/* What one thread keeps between calls into this floor: digest contexts and recently used public
 * keys. Setting these up anew costs up to half of an RSA verification; sharing them would need a
 * lock. Bounded: AOD__RSA_CACHE keys of a few KiB each, AOD__OWNER_CACHE owners of less. Released
 * when the thread ends. */
#ifndef AOD_ARWEAVE_THREAD_H
#define AOD_ARWEAVE_THREAD_H

#include <openssl/evp.h>

#include "arweave/owner.h"
#include "base/bytes.h"

enum { AOD__RSA_CACHE = 16, AOD__RSA_BYTES_MAX = 512 };

/* One public key, ready to verify with. `verify` NULL: the slot is free. */
typedef struct {
  uint8_t modulus[AOD__RSA_BYTES_MAX];
  size_t modulus_len;
  uint64_t used_at; /* value of rsa_uses at the last use */
  EVP_PKEY_CTX *verify;
} aod__rsa_slot_t;

typedef struct {
  EVP_MD_CTX *sha256, *sha384; /* initialised with their digest, so that a restart is cheap */
  aod__rsa_slot_t rsa[AOD__RSA_CACHE];
  uint64_t rsa_uses;
  aod__owner_t owners[AOD__OWNER_CACHE];
  uint64_t owner_uses;
} aod__thread_t;

aod__thread_t *aod__thread(void); /* the calling thread's own, created at the first call */

/* The digests, fetched once a process: what OpenSSL would look up anew for every hash. */
const EVP_MD *aod__md_sha256(void);
const EVP_MD *aod__md_sha384(void);

#endif
