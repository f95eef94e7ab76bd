// Choices from a seed: the same text gives the same sequence.
import { createHash } from 'node:crypto'

export function randomFrom(seed) {
  const digest = createHash('sha256').update(seed).digest()
  let [a, b, c, counter] = [0, 4, 8, 12].map((at) => digest.readInt32LE(at))
  const int = () => { // sfc32
    const sum = (a + b + counter++) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  const below = (limit) => int() % limit
  return {
    int,
    below,
    long: () => (BigInt(int()) << 32n) | BigInt(int()),
    pick: (list) => list[below(list.length)],
    bytes: (count) => Buffer.from(Uint8Array.from({ length: count }, () => int() >>> 24)),
  }
}
