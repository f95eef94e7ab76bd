/* The tree: note(x) is x as 32 bytes big-endian, S is SHA-256.
 *
 *   leaf over a chunk that ends at e:  S(S(S(chunk)) || S(note(e)))
 *   branch over l and r:               S(S(l) || S(r) || S(note(end of l)))
 *
 * Layers are paired from the left and an odd last node moves up unchanged, so node i of a layer
 * stands under node i/2 of the next one: that is all that proofs need. A proof lists the branches
 * from the root down, each as l, r, note, and ends with the chunk's hash and note. */
#include "arweave/merkle.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "arweave/hash.h"
#include "arweave/thread.h"

enum { HASH_BYTES = 32, NOTE_BYTES = 32, LAYERS_MAX = 64 };
enum { BRANCH_BYTES = 2 * HASH_BYTES + NOTE_BYTES, LEAF_BYTES = HASH_BYTES + NOTE_BYTES };

typedef struct {
  uint8_t id[HASH_BYTES]; /* of a chunk until the tree is finished: the hash of its bytes */
  uint64_t end;
} node_t;

struct aod_merkle {
  uint64_t size, fed;
  aod_split_t split;
  EVP_MD_CTX *chunk_hash; /* of the bytes of the open chunk */
  uint64_t chunk_end;     /* where the open chunk ends */
  node_t *chunks;         /* closed so far, with the hash of their bytes */
  size_t chunk_count, chunk_cap;
  size_t layer_count;
  struct {
    node_t *nodes;
    size_t count;
  } layers[LAYERS_MAX]; /* leaves first, the root alone last */
};

/* ---- hashing ---- */

static void store_note(uint8_t note[NOTE_BYTES], uint64_t number) {
  memset(note, 0, NOTE_BYTES);
  for (int i = 0; i < 8; i++) note[NOTE_BYTES - 1 - i] = (uint8_t)(number >> (8 * i));
}

static bool load_note(const uint8_t note[NOTE_BYTES], uint64_t *number) {
  *number = 0;
  for (int i = 0; i < NOTE_BYTES; i++) {
    if (i < NOTE_BYTES - 8 && note[i]) return false;
    *number = *number << 8 | note[i];
  }
  return true;
}

/* S(S(part) || S(part) || ...) over parts of 32 bytes each. */
static void hash_of_hashes(const uint8_t *const parts[], size_t count, uint8_t id[HASH_BYTES]) {
  uint8_t hashes[3][HASH_BYTES];
  for (size_t i = 0; i < count; i++) aod_sha256(aod_slice(parts[i], 32), hashes[i]);
  aod_sha256(aod_slice(hashes, count * HASH_BYTES), id);
}

static void leaf_id(const uint8_t *data_hash, const uint8_t *note, uint8_t id[HASH_BYTES]) {
  hash_of_hashes((const uint8_t *const[]){data_hash, note}, 2, id);
}

static void branch_id(const uint8_t *left, const uint8_t *right, const uint8_t *note,
                      uint8_t id[HASH_BYTES]) {
  hash_of_hashes((const uint8_t *const[]){left, right, note}, 3, id);
}

/* ---- cutting ---- */

/* The size of the next chunk when `rest` bytes are left. */
static uint64_t chunk_size(uint64_t rest, aod_split_t split) {
  if (rest < AOD_CHUNK_BYTES_MAX) return rest;
  uint64_t after = rest - AOD_CHUNK_BYTES_MAX;
  if (split == AOD_SPLIT_EVEN && after > 0 && after < AOD_CHUNK_BYTES_MIN) return (rest + 1) / 2;
  return AOD_CHUNK_BYTES_MAX;
}

static void open_chunk(aod_merkle_t *tree) {
  tree->chunk_end = tree->fed + chunk_size(tree->size - tree->fed, tree->split);
  aod_assert(EVP_DigestInit_ex2(tree->chunk_hash, aod__md_sha256(), NULL));
}

static void close_chunk(aod_merkle_t *tree) {
  if (tree->chunk_count == tree->chunk_cap) {
    tree->chunk_cap = tree->chunk_cap ? 2 * tree->chunk_cap : 16;
    tree->chunks = aod_realloc(tree->chunks, tree->chunk_cap * sizeof *tree->chunks);
  }
  node_t *chunk = &tree->chunks[tree->chunk_count++];
  chunk->end = tree->chunk_end;
  aod_assert(EVP_DigestFinal_ex(tree->chunk_hash, chunk->id, NULL));
}

aod_merkle_t *aod_merkle_new(uint64_t size, aod_split_t split) {
  aod_merkle_t *tree = aod_alloc(sizeof *tree);
  tree->size = size;
  tree->split = split;
  tree->chunk_hash = EVP_MD_CTX_new();
  aod_assert(tree->chunk_hash);
  open_chunk(tree);
  return tree;
}

void aod_merkle_free(aod_merkle_t *tree) {
  if (!tree) return;
  for (size_t i = 0; i < tree->layer_count; i++) free(tree->layers[i].nodes);
  EVP_MD_CTX_free(tree->chunk_hash);
  free(tree->chunks);
  free(tree);
}

int aod_merkle_feed(aod_merkle_t *tree, aod_slice_t piece, aod_error_t *err) {
  if (piece.len > tree->size - tree->fed)
    return aod_fail(err, AOD_EINPUT, "more data than the announced %llu bytes",
                    (unsigned long long)tree->size);
  while (piece.len > 0) {
    aod_slice_t part = aod_slice_sub(piece, 0, (size_t)(tree->chunk_end - tree->fed));
    aod_assert(EVP_DigestUpdate(tree->chunk_hash, part.ptr, part.len));
    piece = aod_slice_sub(piece, part.len, piece.len);
    tree->fed += part.len;
    if (tree->fed < tree->chunk_end || tree->fed == tree->size) continue; /* finish closes it */
    close_chunk(tree);
    open_chunk(tree);
  }
  return AOD_OK;
}

/* ---- building ---- */

static node_t *add_layer(aod_merkle_t *tree, size_t count) {
  aod_assert(tree->layer_count < LAYERS_MAX);
  node_t *nodes = aod_alloc(count * sizeof *nodes);
  tree->layers[tree->layer_count].nodes = nodes;
  tree->layers[tree->layer_count++].count = count;
  return nodes;
}

static void add_leaves(aod_merkle_t *tree) {
  node_t *leaves = add_layer(tree, tree->chunk_count);
  for (size_t i = 0; i < tree->chunk_count; i++) {
    uint8_t note[NOTE_BYTES];
    store_note(note, tree->chunks[i].end);
    leaf_id(tree->chunks[i].id, note, leaves[i].id);
    leaves[i].end = tree->chunks[i].end;
  }
}

static void add_branches(aod_merkle_t *tree, const node_t *below, size_t count) {
  node_t *nodes = add_layer(tree, (count + 1) / 2);
  for (size_t i = 0; i < count; i += 2) {
    if (i + 1 == count) {
      nodes[i / 2] = below[i];
      continue;
    }
    uint8_t note[NOTE_BYTES];
    store_note(note, below[i].end);
    branch_id(below[i].id, below[i + 1].id, note, nodes[i / 2].id);
    nodes[i / 2].end = below[i + 1].end;
  }
}

int aod_merkle_finish(aod_merkle_t *tree, aod_error_t *err) {
  if (tree->size == 0) return aod_fail(err, AOD_EINPUT, "there is no data: it has no root");
  if (tree->fed < tree->size)
    return aod_fail(err, AOD_EINPUT, "data ends after %llu of %llu bytes",
                    (unsigned long long)tree->fed, (unsigned long long)tree->size);
  close_chunk(tree);
  if (tree->size % AOD_CHUNK_BYTES_MAX == 0) { /* data that fills its last chunk: an empty leaf */
    open_chunk(tree);
    close_chunk(tree);
  }
  add_leaves(tree);
  while (tree->layers[tree->layer_count - 1].count > 1)
    add_branches(tree, tree->layers[tree->layer_count - 1].nodes,
                 tree->layers[tree->layer_count - 1].count);
  return AOD_OK;
}

const uint8_t *aod_merkle_root(const aod_merkle_t *tree) {
  aod_assert(tree->layer_count > 0);
  return tree->layers[tree->layer_count - 1].nodes[0].id;
}

size_t aod_merkle_chunk_count(const aod_merkle_t *tree) {
  aod_assert(tree->layer_count > 0);
  size_t count = tree->chunk_count;
  bool empty_leaf = count > 1 && tree->chunks[count - 1].end == tree->chunks[count - 2].end;
  return empty_leaf ? count - 1 : count;
}

aod_chunk_t aod_merkle_chunk(const aod_merkle_t *tree, size_t index) {
  aod_assert(index < aod_merkle_chunk_count(tree));
  aod_chunk_t chunk = {.start = index ? tree->chunks[index - 1].end : 0,
                       .end = tree->chunks[index].end};
  memcpy(chunk.data_hash, tree->chunks[index].id, HASH_BYTES);
  return chunk;
}

static void append_note(aod_buf_t *path, uint64_t number) {
  uint8_t note[NOTE_BYTES];
  store_note(note, number);
  aod_buf_append(path, aod_slice(note, sizeof note));
}

void aod_merkle_path(const aod_merkle_t *tree, size_t index, aod_buf_t *path) {
  aod_assert(index < aod_merkle_chunk_count(tree));
  for (size_t layer = tree->layer_count - 1; layer-- > 0;) {
    size_t left = (index >> layer) & ~(size_t)1;
    const node_t *nodes = tree->layers[layer].nodes;
    if (left + 1 == tree->layers[layer].count) continue; /* moved up unchanged */
    aod_buf_append(path, aod_slice(nodes[left].id, HASH_BYTES));
    aod_buf_append(path, aod_slice(nodes[left + 1].id, HASH_BYTES));
    append_note(path, nodes[left].end);
  }
  aod_buf_append(path, aod_slice(tree->chunks[index].id, HASH_BYTES));
  append_note(path, tree->chunks[index].end);
}

void aod_merkle_data_root(aod_slice_t data, aod_split_t split, uint8_t root[32]) {
  aod_merkle_t *tree = aod_merkle_new(data.len, split);
  int rc = aod_merkle_feed(tree, data, NULL);
  aod_assert(rc == AOD_OK && aod_merkle_finish(tree, NULL) == AOD_OK);
  memcpy(root, aod_merkle_root(tree), HASH_BYTES);
  aod_merkle_free(tree);
}

/* ---- verifying ---- */

static int not_proven(aod_error_t *err, const char *why) {
  return aod_fail(err, AOD_EINPUT, "data_path proves nothing: %s", why);
}

int aod_merkle_path_verify(const uint8_t root[32], uint64_t offset, uint64_t size, aod_slice_t path,
                           aod_chunk_t *chunk, aod_error_t *err) {
  uint8_t wanted[HASH_BYTES], id[HASH_BYTES];
  uint64_t note;
  if (size == 0) return not_proven(err, "the data is empty");
  if (path.len > AOD_DATA_PATH_BYTES_MAX) return not_proven(err, "it is too large");
  if (offset >= size) offset = size - 1;
  *chunk = (aod_chunk_t){.start = 0, .end = size};
  memcpy(wanted, root, HASH_BYTES);
  for (; path.len >= BRANCH_BYTES; path = aod_slice_sub(path, BRANCH_BYTES, path.len)) {
    const uint8_t *left = path.ptr, *right = left + HASH_BYTES, *end = right + HASH_BYTES;
    branch_id(left, right, end, id);
    if (memcmp(id, wanted, HASH_BYTES) != 0) return not_proven(err, "a branch has another hash");
    if (!load_note(end, &note)) return not_proven(err, "an offset exceeds 64 bits");
    bool go_left = offset < note;
    memcpy(wanted, go_left ? left : right, HASH_BYTES);
    if (go_left && note < chunk->end) chunk->end = note;
    if (!go_left && note > chunk->start) chunk->start = note;
  }
  if (path.len != LEAF_BYTES) return not_proven(err, "its length is wrong");
  leaf_id(path.ptr, path.ptr + HASH_BYTES, id);
  if (memcmp(id, wanted, HASH_BYTES) != 0) return not_proven(err, "the leaf has another hash");
  if (!load_note(path.ptr + HASH_BYTES, &note) || note != chunk->end)
    return not_proven(err, "the leaf ends elsewhere");
  memcpy(chunk->data_hash, path.ptr, HASH_BYTES);
  return AOD_OK;
}

int aod_chunk_verify(const uint8_t root[32], uint64_t offset, uint64_t size, aod_slice_t path,
                     aod_slice_t bytes, aod_chunk_t *chunk, aod_error_t *err) {
  int rc = aod_merkle_path_verify(root, offset, size, path, chunk, err);
  if (rc) return rc;
  if (bytes.len != chunk->end - chunk->start)
    return aod_fail(err, AOD_EINPUT, "chunk has %zu bytes, its proof says %llu", bytes.len,
                    (unsigned long long)(chunk->end - chunk->start));
  uint8_t hash[HASH_BYTES];
  aod_sha256(bytes, hash);
  if (memcmp(hash, chunk->data_hash, HASH_BYTES) != 0)
    return aod_fail(err, AOD_EINPUT, "chunk is not the one that its proof is about");
  return AOD_OK;
}
