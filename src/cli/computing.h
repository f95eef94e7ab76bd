/* What all commands that serve a compute unit let the user say about it. */
#ifndef AOD_CLI_COMPUTING_H
#define AOD_CLI_COMPUTING_H

#include "base/options.h"
#include "node/network.h"

typedef struct {
  int64_t memory_bytes, process_bytes, busy_ms; /* 0: not given */
  bool no_weavedrive, checkpoints;
  aod_option_list_t trusted, ignored; /* of checkpoints */
} aod_computing_t;

/* Rows for the member `computing` of an options struct. */
#define AOD_COMPUTING_OPTION(type, name, kind, member, value, doc, least, most)                    \
  { name, kind, offsetof(type, computing.member), value, doc, least, most }
#define AOD_COMPUTING_OPTIONS(type)                                                                \
  AOD_COMPUTING_OPTION(                                                                            \
      type, "--memory", AOD_OPTION_SIZE, memory_bytes, "SIZE",                                     \
      "for processes of the compute unit; the longest unused leave it (default: half of the "      \
      "machine's)",                                                                                \
      1 << 20, INT64_MAX),                                                                         \
      AOD_COMPUTING_OPTION(type, "--process-memory", AOD_OPTION_SIZE, process_bytes, "SIZE",       \
                           "that one process may have; growing beyond it fails (default: 4G)",     \
                           1 << 16, INT64_MAX),                                                    \
      AOD_COMPUTING_OPTION(type, "--busy-ms", AOD_OPTION_INT, busy_ms, "N",                        \
                           "answer 202 to who waits longer for the compute unit and does not say " \
                           "no-busy (default: 0, never)",                                          \
                           0, INT32_MAX),                                                          \
      AOD_COMPUTING_OPTION(type, "--no-weavedrive", AOD_OPTION_FLAG, no_weavedrive, NULL,          \
                           "the compute unit refuses modules with the tag Extension: WeaveDrive",  \
                           0, 0),                                                                  \
      AOD_COMPUTING_OPTION(type, "--checkpoints", AOD_OPTION_FLAG, checkpoints, NULL,              \
                           "the compute unit puts the memory of processes on Arweave, each after " \
                           "15 minutes of work",                                                   \
                           0, 0),                                                                  \
      AOD_COMPUTING_OPTION(type, "--trust-checkpoints", AOD_OPTION_LIST, trusted, "ADDRESS",       \
                           "it goes on from those of this compute unit too, not only its own; "    \
                           "may be given several times",                                           \
                           0, 0),                                                                  \
      AOD_COMPUTING_OPTION(type, "--ignore-checkpoint", AOD_OPTION_LIST, ignored, "ID",            \
                           "it does not go on from this one; may be given several times", 0, 0)

/* Put what was given into the network's options, which point into it. */
void aod_computing_apply(const aod_computing_t *given, aod_network_options_t *options);

#endif
