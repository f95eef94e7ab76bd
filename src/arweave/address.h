/* Addresses: how owners are called (arweave.md 1.3 and 2.9). */
#ifndef AOD_ARWEAVE_ADDRESS_H
#define AOD_ARWEAVE_ADDRESS_H

#include "base/bytes.h"

enum { AOD_AO_ADDRESS_CHARS = 43 };

/* What AO calls the signer (Owner, From): for a key of 65 bytes its EIP-55 address, otherwise
 * base64url of the owner's SHA-256. NUL-terminated. */
void aod_owner_ao_address(aod_slice_t owner, char text[AOD_AO_ADDRESS_CHARS + 1]);

/* An Arweave address as users write it: 43 characters, optionally ":" and the base64url of its
 * CRC-32. False when malformed or the checksum is wrong. */
bool aod_address_decode(aod_slice_t text, uint8_t address[32]);

#endif
