/* An Arweave gateway by itself: one port for gateway and uploads, and, where it is wanted, another
 * one that is a bundler's alone. */
#ifndef AOD_NODE_ARCHIVE_H
#define AOD_NODE_ARCHIVE_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct {
  const char *host;
  int64_t port;         /* 0: a free one */
  int64_t bundler_port; /* 0: a free one; -1: none */
  const char *data_dir; /* NULL: a temporary folder, removed by close */
  const char *wallet;   /* JWK file of the wallet that signs receipts; NULL: the test wallet */
  int64_t block_ms;     /* how long a transaction may be pending; 0: until somebody mines */
  bool resettable;      /* a chain for tests: /reset and its like are served */
} aod_archive_options_t;

/* What a user must know; strings live as long as the archive. */
typedef struct {
  char *url, *bundler_url; /* bundler_url NULL: none */
  char address[44];        /* of the wallet */
  const char *data_dir;
  bool temporary;
} aod_archive_info_t;

typedef struct aod_archive aod_archive_t;

/* Every port answers when this returns AOD_OK. AOD_EUNAVAILABLE names a port that is in use, or the
 * data folder when another aod uses it. */
int aod_archive_open(aod_archive_t **archive, const aod_archive_options_t *options,
                     aod_error_t *err);
const aod_archive_info_t *aod_archive_info(const aod_archive_t *archive);
/* Finish what was accepted within some seconds, then release everything. */
void aod_archive_close(aod_archive_t *archive);

#endif
