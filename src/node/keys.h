/* The keys that every development network has, the same everywhere and forever: whoever starts
 * `aod dev` knows them, so they guard nothing. */
#ifndef AOD_NODE_KEYS_H
#define AOD_NODE_KEYS_H

#include "arweave/signer.h"
#include "base/bytes.h"
#include "base/error.h"

enum { AOD_TEST_ACCOUNTS = 10 };

/* JWK text of test account 0..9. */
aod_slice_t aod_test_account_jwk(int index);
/* JWK text of the wallet that a development network's units share. */
aod_slice_t aod_test_node_jwk(void);

/* The address text of an RSA JWK, without making a key of it. */
int aod_jwk_address(aod_slice_t jwk, char address[44], aod_error_t *err);

/* The wallet of a JWK file; path NULL: that of a development network's units. */
int aod_unit_wallet_load(const char *path, aod_signer_t **signer, aod_error_t *err);

#endif
