// What a module goes through before both sides run it.
//
// Nothing may cross from module to host but what both hosts show in the same way: imports become
// functions of the module's own, and what is called from outside takes nothing and returns an i64.
// The same bytes would still differ in NaNs, whose bits the specification leaves open: ours are
// always x86's default NaN (src/vm/abi.h). So Node is given a copy in which every operation that
// may make a NaN is followed by a few that make it that one; then results, globals and memory must
// agree to the bit.
import {
  EXTERNREF, F32, F64, FC, FD, FUNCREF, FUNCTION, I32, I64, MEMORY, V128, join, opcode, operands, readInstructions, signed, unsigned,
} from './wasm.mjs'

const PRIME = 0x100000001b3n

const op = {
  end: [0x0b], drop: [0x1a], select: [0x1b], call: (index) => opcode(0x10, unsigned(index)),
  get: (local) => opcode(0x20, unsigned(local)), set: (local) => opcode(0x21, unsigned(local)), tee: (local) => opcode(0x22, unsigned(local)),
  getGlobal: (global) => opcode(0x23, unsigned(global)), setGlobal: (global) => opcode(0x24, unsigned(global)),
  i32: (value) => opcode(0x41, signed(value)), i64: (value) => opcode(0x42, signed(BigInt.asIntN(64, BigInt(value)))),
  refNull: (type) => [0xd0, type], wrap: [0xa7], extend: [0xad], extendSigned: [0xac],
  lane: (lane) => opcode(FD + 29, lane), // i64x2.extract_lane
}

// ---- pieces of code ----

export function typeIndex(module, params, results) {
  const key = JSON.stringify([params, results])
  const index = module.types.findIndex((type) => JSON.stringify([type.params, type.results]) === key)
  return index >= 0 ? index : module.types.push({ params, results }) - 1
}

// What makes an i64 of the value on the stack.
const bitsOf = (type) => ({ [I32]: op.extend, [I64]: [], [F32]: [0xbc, ...op.extend], [F64]: [0xbd] })[type] ?? [0xd1, ...op.extend]

// Mix what `get` pushes into the i64 in local or global `sum`.
function mix(type, get, getSum, setSum) {
  if (type === V128) return [0, 1].flatMap((lane) => mix(I64, [...get, ...op.lane(lane)], getSum, setSum))
  return [...getSum, ...op.i64(PRIME), 0x7e, ...get, ...bitsOf(type), 0x85, ...setSum]
}

// A value of the type that depends on the i64 in the global, and is no NaN.
function valueFrom(type, noise) {
  if (type === FUNCREF || type === EXTERNREF) return op.refNull(type)
  const convert = { [I32]: op.wrap, [I64]: [], [F32]: [0xb4], [F64]: [0xb9], [V128]: opcode(FD + 18) }[type]
  return [...op.getGlobal(noise), ...convert]
}

// The body of a function that stands for one that is not there: it notes its arguments.
function standIn({ params, results }, noise) {
  const noted = params.flatMap((type, i) => mix(type, op.get(i), op.getGlobal(noise), op.setGlobal(noise)))
  return { locals: [], code: [...noted, ...results.flatMap((type) => valueFrom(type, noise)), ...op.end] }
}

function addNoise(module) {
  module.globals.push({ type: I64, mutable: 1, init: [...op.i64(0xcbf29ce484222325n), ...op.end] })
  return module.globals.length - 1
}

// ---- making it whole ----

// Functions of the module's own instead of those it imports. Undefined when it imports anything else.
export function close(module) {
  if (module.imports.some(({ kind }) => kind !== FUNCTION)) return undefined
  const noise = addNoise(module)
  module.functions.unshift(...module.imports.map(({ type }) => type))
  module.bodies.unshift(...module.imports.map(({ type }) => standIn(module.types[type], noise)))
  module.imports = []
  return module
}

const renumber = (instruction, numbers) => {
  const calls = instruction.op === 0x10 || instruction.op === 0xd2
  return calls ? [instruction.op, ...unsigned(numbers[operands(instruction)[0]])] : instruction.bytes
}

// A closed module that keeps the functions `chosen` alone; others of their type stand in for the rest.
export function slice(module, chosen) {
  const noise = module.globals.length - 1
  const kept = new Map(chosen.map((old, index) => [old, index]))
  const standIns = chosen.length
  const numbers = module.functions.map((type, old) => kept.get(old) ?? standIns + type)
  const renumbered = (code) => join(readInstructions(code).map((instruction) => renumber(instruction, numbers)))
  return {
    ...module,
    functions: [...chosen.map((old) => module.functions[old]), ...module.types.keys()],
    bodies: [
      ...chosen.map((old) => ({ ...module.bodies[old], code: renumbered(module.bodies[old].code) })),
      ...module.types.map((type) => standIn(type, noise)),
    ],
    elements: module.elements.map((element) => ({
      ...element, items: element.items.map((item) => (element.flags & 4 ? renumbered(item) : numbers[item])),
    })),
    exports: [],
    start: undefined,
  }
}

// Memory and tables that cannot grow by much.
export function bound(module, pages, entries) {
  const limit = (limits, more) => ({ ...limits, flags: limits.flags | 1, max: Math.min(limits.max ?? Infinity, limits.min + more) })
  module.memories = module.memories.map((limits) => limit(limits, pages))
  module.tables = module.tables.map((table) => ({ ...table, limits: limit(table.limits, entries) }))
}

// ---- what is called from outside ----

const constants = {
  i32: [0, 1, -1, 2, 7, 31, 32, 255, 256, 65535, 65536, 0x7fffffff, -0x80000000],
  f32: [0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7fa00001, 0x4f000000, 0xcf000000, 1, 0x3effffff],
  f64: [0n, 1n << 63n, 0x3ff0000000000000n, 0xbff8000000000000n, 0x7ff0000000000000n, 0xfff0000000000000n, 0x7ff8000000000000n,
    0xfff8000000000001n, 0x7ff4000000000001n, 0x41e0000000000000n, 0xc1e0000000200000n, 0x43e0000000000000n, 1n, 0x3fdfffffffffffffn],
}

const pointer = (random, module) => 8 * random.below(1024 * (module.memories[0]?.min ?? 1))

function argument(type, random, module) {
  const kind = random.below(4)
  const small = kind === 0 ? random.pick(constants.i32) : kind === 1 ? random.below(200) : kind === 2 ? pointer(random, module) : random.int()
  const bits32 = kind ? random.int() : random.pick(constants.f32)
  const bits64 = kind ? random.long() : random.pick(constants.f64)
  if (type === I32) return op.i32(small | 0)
  if (type === I64) return op.i64(kind === 3 ? random.long() : small)
  if (type === F32) return [...op.i32(bits32 | 0), 0xbe]
  if (type === F64) return [...op.i64(bits64), 0xbf]
  if (type === V128) return opcode(FD + 12, [...Buffer.from(BigUint64Array.of(bits64, random.long()).buffer)])
  return op.refNull(type)
}

function addFunction(module, name, body) {
  module.functions.push(typeIndex(module, [], [I64]))
  module.bodies.push(body)
  module.exports.push({ name, kind: FUNCTION, index: module.functions.length - 1 })
}

// Calls function `index` and returns what it makes of the results. Local 0 is the sum.
function caller(module, index, random, before) {
  const { params, results } = module.types[module.functions[index]]
  const kept = results.map((_, i) => op.set(i + 1)).reverse().flat()
  const sum = results.flatMap((type, i) => mix(type, op.get(i + 1), op.get(0), op.set(0)))
  const code = [...before, ...params.flatMap((type) => argument(type, random, module)), ...op.call(index), ...kept, ...sum, ...op.get(0), ...op.end]
  return { locals: [I64, ...results].map((type) => ({ count: 1, type })), code }
}

// All that an instance holds but its memory's bytes.
function stateCode(module) {
  const globals = module.globals.flatMap(({ type }, i) => mix(type, op.getGlobal(i), op.get(0), op.set(0)))
  const tables = module.tables.flatMap((_, i) => mix(I32, opcode(FC + 16, unsigned(i)), op.get(0), op.set(0)))
  return { locals: [{ count: 1, type: I64 }], code: [...globals, ...tables, ...op.get(0), ...op.end] }
}

// Export `memory`, `state` and, for each function in `called`, c0, c1, ... in that order. A generated
// module's counter against endless loops is set anew before each call.
export function addCallers(module, called, random) {
  const hang = module.exports.find(({ name }) => name === 'hangLimitInitializer')
  module.exports = module.memories.length ? [{ name: 'memory', kind: MEMORY, index: 0 }] : []
  called.forEach((index, i) => addFunction(module, `c${i}`, caller(module, index, random, hang ? op.call(hang.index) : [])))
  addFunction(module, 'state', stateCode(module))
  return module
}

// ---- one NaN ----

const between = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i)
const nanMakers = new Map([
  ...[...between(0x8d, 0x97), 0xb6].map((code) => [code, F32]),
  ...[...between(0x9b, 0xa5), 0xbb].map((code) => [code, F64]),
  ...[...between(0x67, 0x6a), 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0x5e].map((code) => [FD + code, 'f32x4']),
  ...[0x74, 0x75, 0x7a, 0x94, 0xef, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0x5f].map((code) => [FD + code, 'f64x2']),
])

const lanes = (...words) => opcode(FD + 12, [...Buffer.from(Uint32Array.from(words).buffer)])
const defaultNaN = {
  [F32]: [...op.i32(0xffc00000 | 0), 0xbe],
  [F64]: [...op.i64(0xfff8000000000000n), 0xbf],
  f32x4: lanes(0xffc00000, 0xffc00000, 0xffc00000, 0xffc00000),
  f64x2: lanes(0, 0xfff80000, 0, 0xfff80000),
}
const isItself = { [F32]: [0x5b, ...op.select], [F64]: [0x61, ...op.select] }
isItself.f32x4 = [...opcode(FD + 0x41), ...opcode(FD + 82)] // eq, bitselect
isItself.f64x2 = [...opcode(FD + 0x47), ...opcode(FD + 82)]

// The temporaries that `add` asked for come behind a function's own locals.
function withTemporaries(module, index, rewrite) {
  const body = module.bodies[index]
  const first = module.types[module.functions[index]].params.length + body.locals.reduce((sum, { count }) => sum + count, 0)
  const types = []
  const temporary = (type, which = 0) => {
    const key = `${type} ${which}`
    const at = types.findIndex((known) => known.key === key)
    return first + (at >= 0 ? at : types.push({ key, type }) - 1)
  }
  const code = join(readInstructions(body.code).map((instruction) => rewrite(instruction, temporary)))
  return { locals: [...body.locals, ...types.map(({ type }) => ({ count: 1, type }))], code }
}

function canonical(instruction, temporary) {
  const kind = nanMakers.get(instruction.op)
  if (!kind) return instruction.bytes
  const local = temporary(typeof kind === 'number' ? kind : V128)
  return [...instruction.bytes, ...op.tee(local), ...defaultNaN[kind], ...op.get(local), ...op.get(local), ...isItself[kind]]
}

// The module with every NaN that arithmetic makes turned into x86's default one.
export function canonicalNaN(module) {
  return { ...module, bodies: module.bodies.map((_, i) => withTemporaries(module, i, canonical)) }
}

// ---- 64-bit memory ----

const stored = new Map([
  [0x36, I32], [0x37, I64], [0x38, F32], [0x39, F64], [0x3a, I32], [0x3b, I32], [0x3c, I64], [0x3d, I64], [0x3e, I64],
  ...[11, ...between(84, 91)].map((code) => [FD + code, V128]), // lanes are loaded into a vector above the address
])
const loads = new Set([...between(0x28, 0x35), ...[...between(0, 10), 92, 93].map((code) => FD + code)])

function wide(instruction, temporary, random) {
  const { op: code, bytes } = instruction
  const address = random.below(16) ? op.extend : op.extendSigned
  if (loads.has(code)) return [...address, ...bytes]
  if (stored.has(code)) {
    const local = temporary(stored.get(code))
    return [...op.set(local), ...address, ...op.get(local), ...bytes]
  }
  if (code === 0x3f) return [...bytes, ...op.wrap]
  if (code === 0x40) return [...op.extend, ...bytes, ...op.wrap]
  if (code !== FC + 8 && code !== FC + 10 && code !== FC + 11) return bytes
  const second = temporary(I32, 0), third = temporary(I32, 1)
  const middle = [...op.get(second), ...(code === FC + 10 ? op.extend : [])]
  return [...op.set(third), ...op.set(second), ...address, ...middle, ...op.get(third), ...(code === FC + 8 ? [] : op.extend), ...bytes]
}

// The module with a 64-bit memory, some of whose addresses are far outside. It is left as it is
// where an offset is no constant.
export function widen(module, random) {
  const constant = ({ flags, offset }) => flags & 1 || (offset[0] === 0x41 && readInstructions(offset).length === 2)
  if (module.memories.length !== 1 || module.memories[0].flags & 4 || !module.datas.every(constant)) return module
  return {
    ...module,
    memories: [{ ...module.memories[0], flags: module.memories[0].flags | 4 }],
    datas: module.datas.map((data) => (data.flags & 1 ? data : { ...data, offset: [0x42, ...data.offset.slice(1)] })),
    bodies: module.bodies.map((_, i) => withTemporaries(module, i, (instruction, temporary) => wide(instruction, temporary, random))),
  }
}
