// WebAssembly binaries as the differential tests need them: a module taken apart into its sections
// and its bodies into instructions, and put together again. Written for this purpose from the
// specification and independent of what it tests. Throws for bytes that are no module; what it
// accepts need not be valid.

export const I32 = 0x7f, I64 = 0x7e, F32 = 0x7d, F64 = 0x7c, V128 = 0x7b, FUNCREF = 0x70, EXTERNREF = 0x6f

export const FUNCTION = 0, TABLE = 1, MEMORY = 2, GLOBAL = 3 // kinds of imports and exports

// Opcodes behind a prefix are prefix << 12 | number, so that one number names an instruction.
export const FC = 0xfc000, FD = 0xfd000

// ---- writing ----

export function unsigned(value) {
  const bytes = []
  for (let rest = BigInt(value); ;) {
    const byte = Number(rest & 0x7fn)
    rest >>= 7n
    if (rest === 0n) return [...bytes, byte]
    bytes.push(byte | 0x80)
  }
}

export function signed(value) {
  const bytes = []
  for (let rest = BigInt(value); ;) {
    const byte = Number(rest & 0x7fn)
    rest >>= 7n
    if (rest === (byte & 0x40 ? -1n : 0n)) return [...bytes, byte]
    bytes.push(byte | 0x80)
  }
}

export const opcode = (op, ...immediates) =>
  op < 0x100 ? [op, ...immediates.flat()] : [op >> 12, ...unsigned(op & 0xfff), ...immediates.flat()]

const vector = (items) => [...unsigned(items.length), ...items.flat()]
const text = (name) => [...unsigned(Buffer.byteLength(name)), ...Buffer.from(name)]

// ---- reading ----

class Reader {
  constructor(bytes, at = 0, end = bytes.length) {
    Object.assign(this, { bytes, at, end })
  }

  byte() {
    if (this.at >= this.end) throw new Error(`the bytes end at ${this.at}`)
    return this.bytes[this.at++]
  }

  skip(count) {
    if (count > this.end - this.at) throw new Error(`the bytes end within ${count} from ${this.at}`)
    this.at += count
  }

  take(count) {
    const from = this.at
    this.skip(count)
    return this.bytes.subarray(from, this.at)
  }

  unsigned() {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << shift
      if (!(byte & 0x80)) return Number(value)
    }
    throw new Error(`a number of more than 10 bytes at ${this.at}`)
  }

  skipNumber() {
    while (this.byte() & 0x80);
  }

  vector(read) {
    const count = this.unsigned(), items = []
    if (count > this.end - this.at) throw new Error(`${count} items at ${this.at}`)
    for (let i = 0; i < count; i++) items.push(read())
    return items
  }

  text() {
    return Buffer.from(this.take(this.unsigned())).toString()
  }
}

// ---- instructions ----

const memory = (reader) => (reader.skipNumber(), reader.skipNumber())
const number = (reader) => reader.skipNumber()
const numbers = (reader) => (reader.skipNumber(), reader.skipNumber())
const bytes = (count) => (reader) => reader.skip(count)
const numbersList = (reader) => reader.vector(() => reader.skipNumber())
const nothing = () => {}

const immediates = new Map()
const range = (from, to, skip) => {
  for (let op = from; op <= to; op++) immediates.set(op, skip)
}
range(0x02, 0x04, number) // block, loop, if
range(0x0c, 0x0d, number) // br, br_if
range(0x0e, 0x0e, (reader) => (numbersList(reader), reader.skipNumber())) // br_table
range(0x10, 0x10, number) // call
range(0x11, 0x11, numbers) // call_indirect
range(0x1c, 0x1c, (reader) => reader.skip(reader.unsigned())) // select with types
range(0x20, 0x26, number) // locals, globals, table.get, table.set
range(0x28, 0x3e, memory)
range(0x3f, 0x40, number) // memory.size, memory.grow
range(0x41, 0x42, number)
range(0x43, 0x43, bytes(4))
range(0x44, 0x44, bytes(8))
range(0xd0, 0xd0, number) // ref.null
range(0xd2, 0xd2, number) // ref.func
range(FC + 8, FC + 8, numbers) // memory.init
range(FC + 9, FC + 9, number)
range(FC + 10, FC + 10, numbers) // memory.copy
range(FC + 11, FC + 11, number)
range(FC + 12, FC + 12, numbers) // table.init
range(FC + 13, FC + 13, number)
range(FC + 14, FC + 14, numbers) // table.copy
range(FC + 15, FC + 17, number)
range(FD + 0, FD + 11, memory)
range(FD + 12, FD + 13, bytes(16)) // v128.const, shuffle
range(FD + 21, FD + 34, bytes(1)) // lanes
range(FD + 84, FD + 91, (reader) => (memory(reader), reader.skip(1)))
range(FD + 92, FD + 93, memory)

// One instruction: its opcode and all of its bytes.
function readInstruction(reader) {
  const from = reader.at
  let op = reader.byte()
  if (op === 0xfc || op === 0xfd) op = (op << 12) + reader.unsigned()
  else if (op === 0xfe || op === 0xfb || (op >= 0x06 && op <= 0x09) || op === 0x12 || op === 0x13 || op === 0x18 || op === 0x19)
    throw new Error(`an instruction of another proposal: ${op.toString(16)}`)
  const skip = immediates.get(op) ?? nothing
  skip(reader)
  return { op, bytes: reader.bytes.subarray(from, reader.at) }
}

export function readInstructions(code) {
  const reader = new Reader(Uint8Array.from(code)), list = []
  while (reader.at < reader.end) list.push(readInstruction(reader))
  return list
}

// The numbers that follow the opcode.
export function operands(instruction, count = 1) {
  const reader = new Reader(Uint8Array.from(instruction.bytes))
  reader.byte()
  if (instruction.op >= FC) reader.unsigned()
  return Array.from({ length: count }, () => reader.unsigned())
}

// A constant expression with its end, as bytes.
function readExpression(reader) {
  const from = reader.at
  while (readInstruction(reader).op !== 0x0b);
  return reader.bytes.subarray(from, reader.at)
}

// ---- sections ----

function readLimits(reader) {
  const flags = reader.byte(), min = reader.unsigned()
  return { flags, min, max: flags & 1 ? reader.unsigned() : undefined }
}
const writeLimits = ({ flags, min, max }) => [flags, ...unsigned(min), ...(flags & 1 ? unsigned(max) : [])]

const readTable = (reader) => ({ type: reader.byte(), limits: readLimits(reader) })
const readGlobal = (reader) => ({ type: reader.byte(), mutable: reader.byte() })

function readImport(reader) {
  const entry = { module: reader.text(), field: reader.text(), kind: reader.byte() }
  if (entry.kind === FUNCTION) entry.type = reader.unsigned()
  else if (entry.kind === TABLE) Object.assign(entry, readTable(reader))
  else if (entry.kind === MEMORY) entry.limits = readLimits(reader)
  else Object.assign(entry, readGlobal(reader))
  return entry
}

// flags: 1 passive or declared, 2 with a table's number, 4 expressions instead of functions.
function readElement(reader) {
  const element = { flags: reader.unsigned() }
  if (!(element.flags & 1)) {
    if (element.flags & 2) element.table = reader.unsigned()
    element.offset = readExpression(reader)
  }
  if (element.flags & 3) element.kind = reader.byte()
  element.items = reader.vector(element.flags & 4 ? () => readExpression(reader) : () => reader.unsigned())
  return element
}

const writeElement = ({ flags, table, offset, kind, items }) => [
  ...unsigned(flags), ...(flags & 1 ? [] : [...(flags & 2 ? unsigned(table) : []), ...offset]), ...(flags & 3 ? [kind] : []),
  ...vector(items.map((item) => (flags & 4 ? [...item] : unsigned(item)))),
]

function readData(reader) {
  const data = { flags: reader.unsigned() }
  if (data.flags & 2) data.memory = reader.unsigned()
  if (!(data.flags & 1)) data.offset = readExpression(reader)
  data.bytes = reader.take(reader.unsigned())
  return data
}

const writeData = ({ flags, memory, offset, bytes }) => [
  ...unsigned(flags), ...(flags & 2 ? unsigned(memory) : []), ...(flags & 1 ? [] : offset), ...unsigned(bytes.length), ...bytes,
]

function readFunction(reader) {
  const size = reader.unsigned(), body = new Reader(reader.bytes, reader.at, reader.at + size)
  reader.skip(size)
  const locals = body.vector(() => ({ count: body.unsigned(), type: body.byte() }))
  return { locals, code: body.take(body.end - body.at) }
}

const writeFunction = ({ locals, code }) => {
  const body = [...vector(locals.map(({ count, type }) => [...unsigned(count), type])), ...code]
  return [...unsigned(body.length), ...body]
}

const readType = (reader) => {
  if (reader.byte() !== 0x60) throw new Error('a type of another proposal')
  return { params: reader.vector(() => reader.byte()), results: reader.vector(() => reader.byte()) }
}

// id, member, what reads and what writes one of its items
const sections = [
  [1, 'types', readType, ({ params, results }) => [0x60, ...vector(params), ...vector(results)]],
  [2, 'imports', readImport],
  [3, 'functions', (reader) => reader.unsigned(), unsigned], // their types
  [4, 'tables', readTable, ({ type, limits }) => [type, ...writeLimits(limits)]],
  [5, 'memories', readLimits, writeLimits],
  [6, 'globals', (reader) => ({ ...readGlobal(reader), init: readExpression(reader) }), ({ type, mutable, init }) => [type, mutable, ...init]],
  [7, 'exports', (reader) => ({ name: reader.text(), kind: reader.byte(), index: reader.unsigned() }),
    ({ name, kind, index }) => [...text(name), kind, ...unsigned(index)]],
  [9, 'elements', readElement, writeElement],
  [12],
  [10, 'bodies', readFunction, writeFunction],
  [11, 'datas', readData, writeData],
]

// Names and other custom sections are left out.
export function parse(binary) {
  const module = { types: [], imports: [], functions: [], tables: [], memories: [], globals: [], exports: [], elements: [], bodies: [], datas: [] }
  const reader = new Reader(binary, 8)
  while (reader.at < reader.end) {
    const id = reader.byte(), size = reader.unsigned(), section = new Reader(binary, reader.at, reader.at + size)
    reader.skip(size)
    const [, member, read] = sections.find((row) => row[0] === id) ?? []
    if (member) module[member] = section.vector(() => read(section))
    else if (id === 8) module.start = section.unsigned()
    else if (id > 12) throw new Error(`a section of another proposal: ${id}`)
  }
  return module
}

// Without imports: see close in shape.mjs.
export function write(module) {
  const out = [[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]]
  const add = (id, body) => out.push([id, ...unsigned(body.length)], body)
  for (const [id, member, , writeItem] of sections) {
    if (id === 9 && module.start !== undefined) add(8, unsigned(module.start))
    if (id === 12 && module.datas.length) add(12, unsigned(module.datas.length))
    if (writeItem && module[member].length) add(id, join([unsigned(module[member].length), ...module[member].map(writeItem)]))
  }
  return join(out)
}

export const join = (parts) => Buffer.concat(parts.map((part) => Buffer.from(part)))
