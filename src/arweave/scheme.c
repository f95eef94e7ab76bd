#include "arweave/scheme.h"

#include "arweave/ed25519.h"
#include "arweave/ethereum.h"
#include "arweave/rsa.h"

/* Type 101 (kyve) is left out: its layout is known, but nothing in the world can verify it. */
static const aod_scheme_t schemes[] = {
    {AOD_SCHEME_ARWEAVE, "arweave", 512, 512, aod__rsa_verify},
    {AOD_SCHEME_ED25519, "ed25519", 64, 32, aod__ed25519_verify},
    {AOD_SCHEME_ETHEREUM, "ethereum", 65, 65, aod__ethereum_verify},
    {AOD_SCHEME_SOLANA, "solana", 64, 32, aod__solana_verify},
    {AOD_SCHEME_APTOS, "injectedAptos", 64, 32, aod__aptos_verify},
    {AOD_SCHEME_MULTI_APTOS, "multiAptos", 2052, 1025, aod__multi_aptos_verify},
    {AOD_SCHEME_TYPED_ETHEREUM, "typedEthereum", 65, 42, aod__typed_ethereum_verify},
};

const aod_scheme_t *aod_scheme_find(int type) {
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (schemes[i].type == type) return &schemes[i];
  return NULL;
}
