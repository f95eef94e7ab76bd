/* gzip in pieces, so that neither side of it has to be in memory as a whole. Pure. */
#ifndef AOD_CU_GZIP_H
#define AOD_CU_GZIP_H

#include <zlib.h>

#include "base/bytes.h"
#include "base/error.h"

/* Takes what comes out, piece by piece; anything but AOD_OK ends it. */
typedef int aod_gzip_sink_t(void *context, aod_slice_t piece, aod_error_t *err);

/* Pack: begin, add, finish; then deinit, always. Must not be moved. */
typedef struct {
  z_stream stream;
  aod_gzip_sink_t *sink;
  void *context;
} aod_gzip_t;

void aod_gzip_begin(aod_gzip_t *gzip, aod_gzip_sink_t *sink, void *context);
int aod_gzip_add(aod_gzip_t *gzip, aod_slice_t piece, aod_error_t *err);
int aod_gzip_finish(aod_gzip_t *gzip, aod_error_t *err);
void aod_gzip_deinit(aod_gzip_t *gzip);

/* Unpack all of `packed`. AOD_ETOOLARGE when more than `max` bytes come out, AOD_EINPUT when it is
 * no gzip, or is cut off. */
int aod_gzip_unpack(aod_slice_t packed, uint64_t max, aod_gzip_sink_t *sink, void *context,
                    aod_error_t *err);

#endif
