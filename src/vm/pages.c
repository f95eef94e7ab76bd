#include "vm/pages.h"

#include "base/error.h"
#include "vm/abi.h"

#include <openssl/evp.h>
#include <sys/mman.h>

#define CARD_BYTES ((uint64_t)1 << AOD_CARD_SHIFT)
#define SCAN_BYTES 64 /* card bytes looked at in one step */

_Static_assert(AOD_PAGES_SPARE > SCAN_BYTES, "a step may begin at the last card");

/* ---- marks ---- */

uint64_t aod_pages_count(uint64_t bytes) {
  return (bytes + CARD_BYTES - 1) >> AOD_CARD_SHIFT;
}

uint8_t *aod_pages_marks(uint64_t max_bytes) {
  void *marks = mmap(NULL, aod_pages_count(max_bytes) + AOD_PAGES_SPARE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return marks == MAP_FAILED ? NULL : marks;
}

void aod_pages_marks_free(uint8_t *marks, uint64_t max_bytes) {
  if (marks) munmap(marks, aod_pages_count(max_bytes) + AOD_PAGES_SPARE);
}

/* ---- searching ---- */

uint64_t aod_pages_next_marked(const uint8_t *cards, uint64_t card, uint64_t count) {
  while (card < count && card % SCAN_BYTES != 0) {
    if (cards[card]) return card;
    card++;
  }
  for (; card < count; card += SCAN_BYTES) {
    const uint64_t *words = (const uint64_t *)(cards + card);
    uint64_t any = 0;
    for (int i = 0; i < SCAN_BYTES / 8; i++) any |= words[i];
    if (any) break;
  }
  while (card < count && !cards[card]) card++;
  return card;
}

uint64_t aod_pages_run_end(const uint8_t *present, uint64_t card, uint64_t count) {
  uint64_t end = card + 1;
  while (end < count && !present[end] == !present[card]) end++;
  return end;
}

/* ---- changes since the mark ---- */

uint64_t aod_pages_next_changed(aod_pages_t pages, uint64_t card) {
  return aod_pages_next_marked(pages.changed, card, aod_pages_count(pages.bytes));
}

void aod_pages_set_mark(aod_pages_t pages) {
  uint64_t count = aod_pages_count(pages.bytes);
  for (uint64_t card = 0; (card = aod_pages_next_changed(pages, card)) < count; card++)
    pages.changed[card] = 0;
}

/* ---- hashes ---- */

static EVP_MD_CTX *begin_hash(void) {
  EVP_MD_CTX *hash = EVP_MD_CTX_new();
  aod_assert(hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL));
  return hash;
}

static void end_hash(EVP_MD_CTX *hash, uint8_t digest[32]) {
  EVP_DigestFinal_ex(hash, digest, NULL);
  EVP_MD_CTX_free(hash);
}

static const uint8_t zeros[65536];

static void hash_zeros(EVP_MD_CTX *hash, uint64_t len) {
  for (uint64_t part; len > 0; len -= part) {
    part = len < sizeof zeros ? len : sizeof zeros;
    EVP_DigestUpdate(hash, zeros, part);
  }
}

/* Absent cards are not read: reading would make the system give them pages. */
void aod_pages_sha256(aod_pages_t pages, uint8_t digest[32]) {
  EVP_MD_CTX *hash = begin_hash();
  uint64_t count = aod_pages_count(pages.bytes);
  for (uint64_t card = 0, end; card < count; card = end) {
    end = aod_pages_run_end(pages.present, card, count);
    uint64_t len = (end - card) << AOD_CARD_SHIFT;
    if (pages.present[card])
      EVP_DigestUpdate(hash, pages.at + (card << AOD_CARD_SHIFT), len);
    else
      hash_zeros(hash, len);
  }
  end_hash(hash, digest);
}

void aod_pages_fingerprint(aod_pages_t pages, uint8_t digest[32]) {
  EVP_MD_CTX *hash = begin_hash();
  uint64_t count = aod_pages_count(pages.bytes);
  for (uint64_t card = 0; card < count; card++) {
    const uint8_t *at = pages.at + (card << AOD_CARD_SHIFT);
    if (!pages.present[card] || memcmp(at, zeros, CARD_BYTES) == 0) continue;
    uint8_t number[8];
    aod_store_le64(number, card);
    EVP_DigestUpdate(hash, number, sizeof number);
    EVP_DigestUpdate(hash, at, CARD_BYTES);
  }
  end_hash(hash, digest);
}
