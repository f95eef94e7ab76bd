/* Messages that ended the workers which evaluated them.
 *
 * Such a message has its Error result and the process goes on; but no module should be able to do
 * that, so what is needed to find out is kept: one file a message, named by its hash, with a line
 * as `aod eval` reads them (msg, which tells process and nonce, and env) and the reason beside. */
#ifndef AOD_VM_QUARANTINE_H
#define AOD_VM_QUARANTINE_H

#include "base/bytes.h"

/* Write the file into `directory`, which is created when missing (NULL: nowhere), and log where. A
 * hundred are kept, since a stranger's dry runs can make as many as he likes. */
void aod__quarantine(const char *directory, aod_slice_t msg, aod_slice_t env, aod_slice_t reason);

#endif
