/* Checkpoints out: the memory of a process, packed, signed and uploaded, from where any compute
 * unit can go on with it.
 *
 * A memory may be large. It is read in pieces and packed into a file without a name, hashed on the
 * way, and the file is what is uploaded: nothing of it is held in memory. The process waits
 * meanwhile; that is why it happens at most every half hour of its time.
 *
 * Only linear memory travels. A process that has more to it (globals that are not as at its
 * beginning, which AO's own modules never leave behind) gets no checkpoint. */
#include <sys/mman.h>
#include <unistd.h>

#include "ao/checkpoint.h"
#include "arweave/base64url.h"
#include "arweave/hash.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cu/gzip.h"
#include "cu/internal.h"

enum {
  PIECE_BYTES = 65536,
  HEADER_ROOM = 8192, /* before the data, for what is known only when it is complete */
  PAUSE_S = 1800
};

/* ---- packing ---- */

typedef struct {
  int fd;
  uint64_t len;
  aod_blob_hash_t hash;
} spool_t;

static int write_piece(void *context, aod_slice_t piece, aod_error_t *err) {
  spool_t *spool = context;
  int code = aod_file_temporary_write(spool->fd, piece, HEADER_ROOM + spool->len, err);
  if (code != AOD_OK) return code;
  aod_blob_hash_add(&spool->hash, piece);
  spool->len += piece.len;
  return AOD_OK;
}

static int pack(const aod_instance_t *instance, spool_t *spool, aod_error_t *err) {
  uint64_t bytes = aod_instance_memory_bytes(instance);
  uint8_t piece[PIECE_BYTES];
  aod_gzip_t gzip;
  int code = AOD_OK;
  aod_gzip_begin(&gzip, write_piece, spool);
  for (uint64_t at = 0; at < bytes && code == AOD_OK; at += PIECE_BYTES) {
    aod_instance_memory_read(instance, at, piece, PIECE_BYTES);
    code = aod_gzip_add(&gzip, aod_slice(piece, PIECE_BYTES), err);
  }
  if (code == AOD_OK) code = aod_gzip_finish(&gzip, err);
  aod_gzip_deinit(&gzip);
  return code;
}

/* ---- the item ---- */

/* The last evaluation, when it was a cron message's; else what is said of the record stands, which
 * a duplicate has without having been evaluated. */
static int describe_last(aod_process_t *process, aod_arena_t *arena, aod_checkpoint_t *checkpoint,
                         aod_error_t *err) {
  const aod_progress_t *at = &process->at;
  aod_evaluated_t last;
  checkpoint->timestamp_ms = at->due_ms;
  if (at->position == at->gap_position) return AOD_OK;
  aod_results_flush(process->cu->results);
  int code = aod_results_at(process->cu->results, process->id, at->position - 1, arena, &last, err);
  if (code != AOD_OK) return code;
  checkpoint->cron = last.cron;
  checkpoint->timestamp_ms = last.timestamp_ms;
  return AOD_OK;
}

static int describe(aod_process_t *process, aod_arena_t *arena, aod_checkpoint_t *checkpoint,
                    aod_error_t *err) {
  const aod_progress_t *at = &process->at;
  *checkpoint = (aod_checkpoint_t){.nonce = at->next_nonce - 1,
                                   .block_height = at->block_height,
                                   .gzip = true,
                                   .has_assignment = true,
                                   .has_hash_chain = true};
  memcpy(checkpoint->process, process->id, 32);
  memcpy(checkpoint->module, process->module_id, 32);
  memcpy(checkpoint->assignment, at->assignment_id, 32);
  memcpy(checkpoint->hash_chain, at->hash_chain, 32);
  return describe_last(process, arena, checkpoint, err);
}

static int upload(aod_process_t *process, const aod_tags_t *tags, spool_t *spool, uint8_t id[32],
                  aod_error_t *err) {
  const aod_cu_t *cu = process->cu;
  aod_item_fields_t fields = {.tags = *tags};
  aod_buf_t header = {0};
  uint8_t digest[48];
  aod_blob_hash_finish(&spool->hash, digest);
  int code = aod_item_sign_header(&fields, digest, cu->signer, &header, id, err);
  if (code == AOD_OK && header.len > HEADER_ROOM)
    code = aod_fail(err, AOD_EINTERNAL, "the header of a checkpoint is too long");
  size_t at = HEADER_ROOM - header.len;
  if (code == AOD_OK) code = aod_file_temporary_write(spool->fd, aod_buf_slice(&header), at, err);
  aod_buf_free(&header);
  if (code != AOD_OK) return code;
  size_t whole = HEADER_ROOM + spool->len;
  uint8_t *bytes = mmap(NULL, whole, PROT_READ, MAP_SHARED, spool->fd, 0);
  if (bytes == MAP_FAILED) return aod_fail(err, AOD_ENOMEM, "cannot map a checkpoint");
  aod_slice_t raw = aod_slice(bytes + at, whole - at);
  code = cu->gateway->upload(cu->gateway->context, &raw, 1, err);
  munmap(bytes, whole);
  return code;
}

/* Is this one on Arweave already? 1: it is. */
static int is_there(const aod_cu_t *cu, const aod_tags_t *tags, aod_arena_t *arena, uint8_t id[32],
                    aod_error_t *err) {
  static const char *const names[] = {"Process",       "Nonce", "Timestamp",
                                      "Cron-Interval", "Type",  "Data-Protocol"};
  enum { NAMES = sizeof names / sizeof *names };
  aod_tag_t wanted[NAMES];
  size_t count = 0;
  for (size_t i = 0; i < NAMES; i++) {
    wanted[count].name = aod_text(names[i]);
    if (aod_tags_find(tags, names[i], &wanted[count].value)) count++;
  }
  char address[AOD_ID_CHARS + 1];
  aod_id_encode(cu->address, address);
  aod_slice_t owner = aod_text(address);
  aod_gateway_query_t query = {.owners = &owner,
                               .owner_count = 1,
                               .tags = {wanted, count},
                               .max_block = UINT64_MAX,
                               .limit = 1};
  aod_found_list_t list;
  int code = cu->gateway->query(cu->gateway->context, &query, arena, &list, err);
  if (code != AOD_OK || list.count == 0) return code;
  memcpy(id, list.list[0].id, 32);
  return 1;
}

static int pack_and_upload(aod_process_t *process, const aod_tags_t *tags, uint8_t id[32],
                           aod_error_t *err) {
  spool_t spool = {.fd = aod_file_temporary(err)};
  if (spool.fd < 0) return spool.fd;
  aod_blob_hash_begin(&spool.hash);
  int code = pack(process->instance, &spool, err);
  if (code == AOD_OK) code = upload(process, tags, &spool, id, err);
  aod_blob_hash_deinit(&spool.hash);
  close(spool.fd);
  return code;
}

static int write_described(aod_process_t *process, aod_checkpoint_t *checkpoint, aod_arena_t *arena,
                           uint8_t id[32], aod_error_t *err) {
  const aod_cu_t *cu = process->cu;
  aod_tags_t tags;
  aod_instance_memory_sha256(process->instance, checkpoint->sha256);
  aod_checkpoint_tags(checkpoint, cu->run_id, arena, &tags);
  int code = is_there(cu, &tags, arena, id, err);
  if (code != AOD_OK) return code == 1 ? AOD_OK : code;
  code = pack_and_upload(process, &tags, id, err);
  if (code != AOD_OK) return code;
  char process_text[AOD_ID_CHARS + 1], id_text[AOD_ID_CHARS + 1];
  aod_id_encode(process->id, process_text);
  aod_id_encode(id, id_text);
  aod_log(AOD_LOG_INFO, "cu", "process %s has checkpoint %s, at nonce %llu", process_text, id_text,
          (unsigned long long)checkpoint->nonce);
  return AOD_OK;
}

/* The one that it went on from, since when nothing has been evaluated. */
static int name_origin(const aod_process_t *process, uint8_t id[32], aod_error_t *err) {
  aod_origin_t origin;
  aod_results_flush(process->cu->results);
  int code = aod_results_origin(process->cu->results, process->id, &origin, err);
  if (code == AOD_OK) memcpy(id, origin.checkpoint, 32);
  return code;
}

int aod__checkpoint_write(aod_process_t *process, uint8_t id[32], aod_error_t *err) {
  if (!process->cu->signer) return aod_fail(err, AOD_EUSAGE, "there is no wallet to sign with");
  if (process->at.next_nonce == 0) return aod_fail(err, AOD_EINPUT, "it has no message yet");
  if (!aod_instance_is_all_memory(process->instance))
    return aod_fail(err, AOD_EUNSUPPORTED, "there is more to it than its memory");
  if (process->at.position == process->origin_position) return name_origin(process, id, err);
  aod_arena_t arena = {0};
  aod_checkpoint_t checkpoint;
  int code = describe(process, &arena, &checkpoint, err);
  if (code == AOD_OK) code = write_described(process, &checkpoint, &arena, id, err);
  aod_arena_free(&arena);
  return code;
}

/* ---- when ---- */

void aod__checkpoint_consider(aod_process_t *process, int64_t spent_us) {
  const aod_cu_t *cu = process->cu;
  if (process->is_copy || !cu->checkpoints) return;
  process->unchecked_us += spent_us;
  bool due =
      process->unchecked_us >= cu->checkpoint_us || process->unchecked_gas >= cu->checkpoint_gas;
  int64_t now_us = aod_clock_monotonic_us();
  bool rested = !process->checked_us || now_us - process->checked_us >= PAUSE_S * INT64_C(1000000);
  if (!due || !rested || !process->instance) return;
  uint8_t id[32];
  aod_error_t err;
  process->checked_us = now_us;
  if (aod__checkpoint_write(process, id, &err) == AOD_OK) {
    process->unchecked_us = 0;
    process->unchecked_gas = 0;
    return;
  }
  char text[AOD_ID_CHARS + 1];
  aod_id_encode(process->id, text);
  aod_log(AOD_LOG_WARN, "cu", "process %s gets no checkpoint now: %s", text, err.message);
}
