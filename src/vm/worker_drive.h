/* A process's drive (drive.h), which the node has, seen from the worker that evaluates: every call
 * is a question over the channel, to which the node answers. */
#ifndef AOD_VM_WORKER_DRIVE_H
#define AOD_VM_WORKER_DRIVE_H

#include "vm/drive.h"
#include "vm/pool.h"

/* The worker's side. Must not be moved. */
typedef struct {
  aod_drive_t table;
  int socket;
  uint8_t *channel;
} aod__worker_drive_t;

void aod__worker_drive_init(aod__worker_drive_t *drive, int socket, uint8_t *channel);

/* The node's side: look up what `question` asks for and answer. False when that is no question, or
 * the worker cannot be reached. */
bool aod__drive_answer(const aod_drive_t *drive, aod__worker_t *worker,
                       const aod__worker_reply_t *question);

#endif
