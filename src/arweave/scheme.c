#include "arweave/scheme.h"

#include "arweave/rsa.h"

static const aod_scheme_t schemes[] = {
    {AOD_SCHEME_ARWEAVE, "arweave", 512, 512, aod__rsa_verify},
};

const aod_scheme_t *aod_scheme_find(int type) {
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (schemes[i].type == type) return &schemes[i];
  return NULL;
}
