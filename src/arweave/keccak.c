/* Keccak-f[1600] by the book (keccak.team, "Keccak specifications summary"): 25 lanes of 64 bits,
 * 24 rounds. Lane (x, y) is state[x + 5 * y]. */
#include "arweave/keccak.h"

enum { LANES = 25, ROUNDS = 24, RATE_BYTES = 136 };

static const uint64_t round_constants[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

/* The walk of steps rho and pi: where the lane carried along goes next, and how far it turns. */
static const uint8_t walk_lane[LANES - 1] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                             15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
static const uint8_t walk_turn[LANES - 1] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                             27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};

static uint64_t rotate(uint64_t lane, unsigned by) {
  return lane << by | lane >> (64 - by);
}

static void theta(uint64_t state[LANES]) {
  uint64_t parity[5];
  for (int x = 0; x < 5; x++)
    parity[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
  for (int i = 0; i < LANES; i++) state[i] ^= parity[(i + 4) % 5] ^ rotate(parity[(i + 1) % 5], 1);
}

static void rho_pi(uint64_t state[LANES]) {
  uint64_t carried = state[1];
  for (int i = 0; i < LANES - 1; i++) {
    uint64_t next = state[walk_lane[i]];
    state[walk_lane[i]] = rotate(carried, walk_turn[i]);
    carried = next;
  }
}

static void chi(uint64_t state[LANES]) {
  for (int y = 0; y < LANES; y += 5) {
    uint64_t row[5];
    memcpy(row, state + y, sizeof row);
    for (int x = 0; x < 5; x++) state[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
  }
}

static void permute(uint64_t state[LANES]) {
  for (int round = 0; round < ROUNDS; round++) {
    theta(state);
    rho_pi(state);
    chi(state);
    state[0] ^= round_constants[round];
  }
}

static void absorb(uint64_t state[LANES], const uint8_t block[RATE_BYTES]) {
  for (size_t i = 0; i < RATE_BYTES / 8; i++) state[i] ^= aod_load_le64(block + 8 * i);
  permute(state);
}

void aod_keccak256(aod_slice_t bytes, uint8_t digest[32]) {
  uint64_t state[LANES] = {0};
  uint8_t last[RATE_BYTES] = {0};
  for (; bytes.len >= RATE_BYTES; bytes = aod_slice_sub(bytes, RATE_BYTES, bytes.len))
    absorb(state, bytes.ptr);
  if (bytes.len) memcpy(last, bytes.ptr, bytes.len);
  last[bytes.len] = 0x01;
  last[RATE_BYTES - 1] |= 0x80;
  absorb(state, last);
  memcpy(digest, state, 32);
}
