/* Storing items and transactions. Everything here runs in the writer's thread. */
#include "ar/index.h"

#include "arweave/bundle.h"

/* The owner's row, made when missing; a key that was not known yet is filled in. */
static int put_owner(aod_db_connection_t *connection, const aod__index_row_t *row, int64_t *owner,
                     aod_error_t *err) {
  aod_slice_t address = aod_slice(row->owner_address, AOD_ID_BYTES);
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO owners (address,key) VALUES (?,?) ON CONFLICT (address)"
                  " DO UPDATE SET key=excluded.key WHERE owners.key=x''");
  aod_db_bind(insert, 1, address);
  aod_db_bind(insert, 2, row->owner);
  int code = aod_db_run(insert, err);
  if (code != AOD_OK) return code;
  sqlite3_stmt *select = aod_db_prepare(connection, "SELECT number FROM owners WHERE address=?");
  aod_db_bind(select, 1, address);
  int found = aod_db_step(select, err);
  if (found > 0) *owner = sqlite3_column_int64(select, 0);
  aod_db_reset(select);
  aod_assert(found != 0);
  return found < 0 ? found : AOD_OK;
}

static int put_tags(aod_db_connection_t *connection, const aod_tags_t *tags, int64_t seq,
                    aod_error_t *err) {
  for (size_t i = 0; i < tags->count; i++) {
    sqlite3_stmt *insert =
        aod_db_prepare(connection, "INSERT OR IGNORE INTO tags (name,value,seq) VALUES (?,?,?)");
    aod_db_bind(insert, 1, tags->list[i].name);
    aod_db_bind(insert, 2, tags->list[i].value);
    aod_db_bind_int(insert, 3, seq);
    int code = aod_db_run(insert, err);
    if (code != AOD_OK) return code;
  }
  return AOD_OK;
}

/* ---- where a row stands ---- */

typedef struct {
  int64_t height; /* -1: pending */
  int64_t parent; /* seq of the bundle, -1: none */
} place_t;

/* The bundle's block as long as it is the newest one, so that heights grow with seq: an item that
 * is found later stands in a block of its own. */
static int place_in_bundle(aod_ar_t *ar, aod_db_connection_t *connection,
                           const aod__index_row_t *row, place_t *place, aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(
      connection,
      "SELECT seq,height,height IS NULL OR height=(SELECT max(height) FROM blocks) FROM items"
      " WHERE id=?");
  aod_db_bind(select, 1, aod_slice(row->parent, AOD_ID_BYTES));
  int found = aod_db_step(select, err);
  bool newest = false;
  if (found > 0) {
    bool pending = sqlite3_column_type(select, 1) == SQLITE_NULL;
    place->parent = sqlite3_column_int64(select, 0);
    place->height = pending ? -1 : sqlite3_column_int64(select, 1);
    newest = sqlite3_column_int(select, 2) != 0;
  }
  aod_db_reset(select);
  if (found < 0) return found;
  if (found == 0) return aod_fail(err, AOD_ENOTFOUND, "the bundle was taken back");
  aod_slice_t id = aod_slice(row->id, AOD_ID_BYTES);
  return newest ? AOD_OK : aod__index_append_block(ar, connection, id, &place->height, err);
}

static int place_row(aod_ar_t *ar, aod_db_connection_t *connection, const aod__index_row_t *row,
                     place_t *place, aod_error_t *err) {
  *place = (place_t){-1, -1};
  if (row->parent) return place_in_bundle(ar, connection, row, place, err);
  if (row->transaction) return AOD_OK;
  aod_slice_t id = aod_slice(row->id, AOD_ID_BYTES);
  return aod__index_append_block(ar, connection, id, &place->height, err);
}

/* ---- the row ---- */

static int put_row(aod_db_connection_t *connection, const aod__index_row_t *row, place_t place,
                   int64_t owner, int64_t *seq, aod_error_t *err) {
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO items (id,height,base_layer,owner,signature_type,signature,target,"
                  "anchor,tag_count,tags,parent,unpack,data_offset,data_len,data_file,data)"
                  " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING seq");
  aod_db_bind(insert, 1, aod_slice(row->id, AOD_ID_BYTES));
  if (place.height >= 0) aod_db_bind_int(insert, 2, place.height);
  aod_db_bind_int(insert, 3, row->base_layer);
  aod_db_bind_int(insert, 4, owner);
  aod_db_bind_int(insert, 5, row->signature_type);
  aod_db_bind(insert, 6, row->signature);
  aod_db_bind(insert, 7, row->target);
  aod_db_bind(insert, 8, row->anchor);
  aod_db_bind_int(insert, 9, (int64_t)row->tags.count);
  aod_db_bind(insert, 10, row->tag_bytes);
  if (place.parent >= 0) aod_db_bind_int(insert, 11, place.parent);
  aod_db_bind_int(insert, 12, row->unpack);
  aod_db_bind_int(insert, 13, (int64_t)row->data_offset);
  aod_db_bind_int(insert, 14, (int64_t)row->data_len);
  if (row->data_file)
    aod_db_bind_text(insert, 15, aod_text(row->data_file));
  else
    aod_db_bind(insert, 16, row->data);
  int inserted = aod_db_step(insert, err);
  if (inserted > 0) *seq = sqlite3_column_int64(insert, 0);
  aod_db_reset(insert);
  aod_assert(inserted != 0);
  return inserted < 0 ? inserted : AOD_OK;
}

/* The transaction's own columns; its data takes the next place of the weave. */
static int put_transaction(aod_db_connection_t *connection, const aod__index_row_t *row,
                           int64_t seq, aod_error_t *err) {
  const aod_transaction_t *transaction = row->transaction;
  if (!transaction) return AOD_OK;
  sqlite3_stmt *insert = aod_db_prepare(
      connection, "INSERT INTO transactions (seq,format,quantity,reward,denomination,data_root,"
                  "weave_end) VALUES (?1,?2,?3,?4,?5,?6,CASE ?7 WHEN 0 THEN NULL ELSE"
                  " ?7+ifnull((SELECT max(weave_end) FROM transactions),0) END)");
  aod_db_bind_int(insert, 1, seq);
  aod_db_bind_int(insert, 2, transaction->format);
  aod_db_bind_text(insert, 3, transaction->quantity);
  aod_db_bind_text(insert, 4, transaction->reward);
  aod_db_bind_text(insert, 5, transaction->denomination);
  aod_db_bind(insert, 6, transaction->data_root);
  aod_db_bind_int(insert, 7, (int64_t)row->data_len);
  return aod_db_run(insert, err);
}

/* ---- what is there already ---- */

int aod__index_exists(aod_db_connection_t *connection, const uint8_t id[AOD_ID_BYTES],
                      aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(connection, "SELECT seq FROM items WHERE id=?");
  aod_db_bind(select, 1, aod_slice(id, AOD_ID_BYTES));
  int found = aod_db_step(select, err);
  aod_db_reset(select);
  return found;
}

/* A known transaction's file may have moved. */
static int put_path(aod_db_connection_t *connection, const aod__index_row_t *row,
                    aod_error_t *err) {
  sqlite3_stmt *update = aod_db_prepare(
      connection, "UPDATE items SET data_file=?,data_len=? WHERE id=? AND data_file IS NOT NULL");
  aod_db_bind_text(update, 1, aod_text(row->data_file));
  aod_db_bind_int(update, 2, (int64_t)row->data_len);
  aod_db_bind(update, 3, aod_slice(row->id, AOD_ID_BYTES));
  return aod_db_run(update, err);
}

/* An item that was uploaded by itself turns up in a bundle. */
static int put_parent(aod_db_connection_t *connection, const aod__index_row_t *row,
                      aod_error_t *err) {
  sqlite3_stmt *update =
      aod_db_prepare(connection, "UPDATE items SET parent=(SELECT seq FROM items WHERE id=?)"
                                 " WHERE id=? AND parent IS NULL AND base_layer=0");
  aod_db_bind(update, 1, aod_slice(row->parent, AOD_ID_BYTES));
  aod_db_bind(update, 2, aod_slice(row->id, AOD_ID_BYTES));
  return aod_db_run(update, err);
}

static int put_again(aod_db_connection_t *connection, const aod__index_row_t *row,
                     aod_error_t *err) {
  if (row->parent) return put_parent(connection, row, err);
  if (row->data_file && row->data_file[0] == '/') return put_path(connection, row, err);
  return AOD_OK;
}

int aod__index_insert(aod_ar_t *ar, aod_db_connection_t *connection, const aod__index_row_t *row,
                      bool *known, aod_error_t *err) {
  int64_t owner, seq;
  place_t place;
  int found = aod__index_exists(connection, row->id, err);
  *known = found > 0;
  if (found != 0) return found < 0 ? found : put_again(connection, row, err);
  int code = place_row(ar, connection, row, &place, err);
  if (code == AOD_OK) code = put_owner(connection, row, &owner, err);
  if (code == AOD_OK) code = put_row(connection, row, place, owner, &seq, err);
  if (code == AOD_OK) code = put_transaction(connection, row, seq, err);
  if (code == AOD_OK) code = put_tags(connection, &row->tags, seq, err);
  return code;
}

/* ---- rows ---- */

static int run_put(aod_db_write_t *write, aod_db_connection_t *connection, aod_error_t *err) {
  aod__index_put_t *put = (aod__index_put_t *)write;
  return aod__index_insert(put->ar, connection, &put->row, &put->known, err);
}

void aod__index_put_init(aod__index_put_t *put, aod_ar_t *ar) {
  put->write.run = run_put;
  put->ar = ar;
}

void aod__index_row_of_item(aod__index_row_t *row, const aod_item_t *item) {
  *row = (aod__index_row_t){
      .id = item->id,
      .owner_address = item->address,
      .signature_type = item->signature_type,
      .signature = item->signature,
      .owner = item->owner,
      .target = item->target,
      .anchor = item->anchor,
      .tag_bytes = item->tag_bytes,
      .tags = item->tags,
      .data = item->data,
      .data_len = item->data.len,
      .unpack = aod_tags_announce_bundle(&item->tags),
  };
}

void aod__index_row_of_transaction(aod__index_row_t *row, const aod_transaction_t *transaction,
                                   const uint8_t address[AOD_ID_BYTES], aod_arena_t *arena) {
  aod_buf_t tags = {0};
  aod_tags_encode(&transaction->tags, &tags);
  *row = (aod__index_row_t){
      .id = transaction->id,
      .owner_address = address,
      .base_layer = true,
      .signature_type = 1,
      .signature = transaction->signature,
      .owner = transaction->owner,
      .target = transaction->target,
      .anchor = transaction->last_tx,
      .tag_bytes = aod_arena_copy(arena, aod_buf_slice(&tags)),
      .tags = transaction->tags,
      .data = transaction->data,
      .data_len = transaction->data_size,
      .unpack = transaction->data_size > 0 && aod_tags_announce_bundle(&transaction->tags),
      .transaction = transaction,
  };
  aod_buf_free(&tags);
}

/* ---- taking back ---- */

typedef struct {
  aod_db_write_t write; /* first */
  aod_slice_t id;
} taking_back_t;

static int find_pending(aod_db_connection_t *connection, aod_slice_t id, int64_t *seq,
                        aod_error_t *err) {
  sqlite3_stmt *select = aod_db_prepare(
      connection, "SELECT i.seq,t.quantity='0' AND NOT EXISTS (SELECT 1 FROM items c WHERE"
                  " c.parent=i.seq) FROM items i JOIN transactions t ON t.seq=i.seq"
                  " WHERE i.id=? AND i.base_layer=1 AND i.height IS NULL");
  aod_db_bind(select, 1, id);
  int found = aod_db_step(select, err);
  bool removable = false;
  if (found > 0) {
    *seq = sqlite3_column_int64(select, 0);
    removable = sqlite3_column_int(select, 1) != 0;
  }
  aod_db_reset(select);
  if (found < 0) return found;
  if (found == 0) return aod_fail(err, AOD_ENOTFOUND, "not found");
  if (removable) return AOD_OK;
  return aod_fail(err, AOD_EINPUT, "it moved tokens or brought items, and stays");
}

static int remove_rows(aod_db_connection_t *connection, int64_t seq, aod_error_t *err) {
  static const char *const statements[] = {"DELETE FROM items WHERE seq=?",
                                           "DELETE FROM transactions WHERE seq=?",
                                           "DELETE FROM tags WHERE seq=?"};
  int code = AOD_OK;
  for (size_t i = 0; i < sizeof statements / sizeof *statements && code == AOD_OK; i++) {
    sqlite3_stmt *statement = aod_db_prepare(connection, statements[i]);
    aod_db_bind_int(statement, 1, seq);
    code = aod_db_run(statement, err);
  }
  return code;
}

static int run_taking_back(aod_db_write_t *write, aod_db_connection_t *connection,
                           aod_error_t *err) {
  aod_slice_t id = ((taking_back_t *)write)->id;
  sqlite3_stmt *erase = aod_db_prepare(connection, "DELETE FROM waiting WHERE id=? RETURNING 1");
  aod_db_bind(erase, 1, id);
  int erased = aod_db_step(erase, err);
  aod_db_reset(erase);
  if (erased != 0) return erased < 0 ? erased : AOD_OK;
  int64_t seq = 0;
  int code = find_pending(connection, id, &seq, err);
  return code == AOD_OK ? remove_rows(connection, seq, err) : code;
}

int aod__index_take_back(aod_ar_t *ar, const uint8_t id[AOD_ID_BYTES], aod_error_t *err) {
  taking_back_t taking_back = {.write.run = run_taking_back, .id = aod_slice(id, AOD_ID_BYTES)};
  return aod_db_write(ar->db, &taking_back.write, err);
}
