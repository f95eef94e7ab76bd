// Small changes to a module: most leave it valid and mean something else, the rest are for the
// validator.
import { FC, FD, join, operands, opcode, readInstructions, signed, unsigned } from './wasm.mjs'

const between = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

// Instructions that fit where another of the group stood.
const groups = [
  between(0x6a, 0x78), between(0x7c, 0x8a), between(0x92, 0x98), between(0xa0, 0xa6),
  between(0x46, 0x4f), between(0x51, 0x5a), between(0x5b, 0x60), between(0x61, 0x66),
  [...between(0x67, 0x69), 0xc0, 0xc1], [...between(0x79, 0x7b), 0xc2, 0xc3, 0xc4],
  between(0x8b, 0x91), between(0x99, 0x9f),
  [0xa8, 0xa9, 0xbc, FC, FC + 1], [0xaa, 0xab, FC + 2, FC + 3], [0xac, 0xad], [0xae, 0xaf, FC + 4, FC + 5], [0xb0, 0xb1, 0xbd, FC + 6, FC + 7],
  [0xb2, 0xb3, 0xbe], [0xb4, 0xb5], [0xb7, 0xb8], [0xb9, 0xba, 0xbf],
  [0x28, ...between(0x2c, 0x2f)], [0x29, ...between(0x30, 0x35)], [0x36, 0x3a, 0x3b], [0x37, 0x3c, 0x3d, 0x3e],
  [0x02, 0x03], [0x20, 0x23], [0x21, 0x22, 0x24], [0x0c, 0x0d],
  between(35, 76).map((code) => FD + code), between(78, 83).map((code) => FD + code),
  [...between(96, 101), ...between(128, 131), ...between(224, 247)].map((code) => FD + code),
]
const groupOf = new Map(groups.flatMap((group) => group.map((code) => [code, group])))

const isConstant = (code) => code === 0x41 || code === 0x42
const withNumber = (code) => isConstant(code) || code === 0x0c || code === 0x0d || (code >= 0x20 && code <= 0x24) || code === 0x10
const isMemory = (code) => code >= 0x28 && code <= 0x3e

// Bytes of another instruction in its place; undefined where the kind of change does not fit.
const changes = [
  ({ op, bytes }, random) => {
    const group = groupOf.get(op)
    if (!group) return undefined
    const length = op < 0x100 ? 1 : opcode(op).length
    return [...opcode(random.pick(group)), ...bytes.subarray(length)]
  },
  ({ op }, random) => {
    if (!isConstant(op)) return undefined
    const value = random.pick([0, 1, -1, random.below(70000), random.int() | 0, -0x80000000, 0x7fffffff])
    return op === 0x42 && random.below(3) === 0 ? opcode(op, signed(BigInt.asIntN(64, random.long()))) : opcode(op, signed(value))
  },
  (instruction, random) => {
    if (!withNumber(instruction.op)) return undefined
    return opcode(instruction.op, unsigned(Math.max(0, operands(instruction)[0] + random.below(5) - 2)))
  },
  (instruction, random) => {
    if (!isMemory(instruction.op)) return undefined
    const [align] = operands(instruction)
    const offset = random.pick([random.below(64), random.below(1 << 22), 0xfffffff0 + random.below(16), 2 ** 32 + random.below(1 << 20), 2 ** 53])
    return opcode(instruction.op, unsigned(random.below(4) ? align : random.below(5)), unsigned(offset))
  },
  () => [],
  ({ bytes }) => [...bytes, ...bytes],
  ({ bytes }, random) => [...random.pick([[0x01], [0x00], [0x1a], [0x41, 0], [0x42, 1], [0x0f], [0x0d, 0], [0x20, 0]]), ...bytes],
]
// changes that keep types come first and are chosen more often
const chosenChange = (random) => changes[random.below(5) ? random.below(4) : random.below(changes.length)]

function changeBody(body, random) {
  const list = readInstructions(body.code)
  if (list.length < 2) return body // nothing but its end
  const parts = list.map(({ bytes }) => bytes)
  for (let tries = 0; tries < 200; tries++) {
    const at = random.below(list.length - 1)
    const changed = chosenChange(random)(list[at], random)
    if (!changed) continue
    parts[at] = changed
    break
  }
  return { ...body, code: join(parts) }
}

// The module with up to `most` changes in the bodies of functions below `functions`.
export function mutate(module, functions, most, random) {
  const bodies = [...module.bodies]
  for (let count = 1 + random.below(most); count; count--) {
    const index = random.below(functions)
    bodies[index] = changeBody(bodies[index], random)
  }
  return { ...module, bodies }
}

// A binary with some bytes changed, anywhere.
export function damage(whole, random) {
  const binary = Buffer.from(whole)
  for (let count = 1 + random.below(3); count; count--) {
    // near the beginning stand the sections that only decoding looks at
    const at = 8 + random.below(random.below(2) ? binary.length - 8 : Math.min(binary.length - 8, 2000))
    const kind = random.below(8)
    if (kind === 0) binary[at] = random.below(256)
    else if (kind === 1) binary[at]++
    else if (kind === 2) binary[at] |= 0x80
    else if (kind === 3) binary[at] = random.pick([0, 1, 0x0b, 0x40, 0x70, 0x7f, 0xff, 0xfc, 0xfd])
    else binary[at] ^= 1 << random.below(8)
  }
  return binary
}
