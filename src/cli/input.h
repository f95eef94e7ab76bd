/* What the tools read: a file, or stdin. Read in pieces, so that its size does not matter, or
 * mapped into memory, where the system brings in what is looked at. */
#ifndef AOD_CLI_INPUT_H
#define AOD_CLI_INPUT_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct {
  const char *name; /* for messages */
  int fd;
  void *mapped;
  size_t mapped_len;
} aod_input_t;

/* `path` NULL or "-": stdin. */
int aod_input_open(aod_input_t *input, const char *path, aod_error_t *err);
void aod_input_close(aod_input_t *input);

/* Hand everything from the beginning on to `take`, in pieces of at most a MiB, until one is refused
 * with a negative code. Pipes can be read once, unless aod_input_settle was called before. */
int aod_input_each(aod_input_t *input,
                   int (*take)(void *context, aod_slice_t piece, aod_error_t *err), void *context,
                   aod_error_t *err);

/* Make the input readable again and again: what is no regular file goes into a temporary one. */
int aod_input_settle(aod_input_t *input, aod_error_t *err);

/* The whole input as a slice that lives until aod_input_close. */
int aod_input_map(aod_input_t *input, aod_slice_t *bytes, aod_error_t *err);

/* The whole input in a buffer; AOD_ETOOLARGE beyond `max_bytes`. */
int aod_input_read(aod_input_t *input, size_t max_bytes, aod_buf_t *bytes, aod_error_t *err);

#endif
