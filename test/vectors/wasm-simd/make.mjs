// Makes node.jsonl: a module with one function an operation of src/vm/opcodes.c, inputs, and the 16 bytes
// that each function leaves for each input under Node. NaNs that arithmetic makes are written as x86's
// default NaN, which is what src/vm/abi.h wants. Usage: node make.mjs > node.jsonl
import fs from 'node:fs'
const table = fs.readFileSync(new URL('../../../src/vm/opcodes.c', import.meta.url), 'utf8').split('after the prefix 0xfd')[1]
const ops = [...table.matchAll(/\[0x(..)\] = \{"([^"]+)", "([^"]*)", (\w+), ([^,]+), (\d+), (\d+), /g)]
  .map(m => ({ code: parseInt(m[1], 16), name: m[2], sig: m[3], imm: m[4], flags: m[5], size: +m[6] }))
if (ops.length != 236) throw ops.length
const leb = n => { const o = []; do { let b = n & 127; n >>>= 7; o.push(n ? b | 128 : b) } while (n); return o }
const vec = a => [...leb(a.length), ...a.flat()]
const str = s => [...leb(s.length), ...Buffer.from(s)]
const section = (id, body) => [id, ...leb(body.length), ...body]
const at = n => [0x41, ...leb(n)] // i32.const below 64
// operands: vectors at 0, 16, 32; scalars at 48 (8 bytes); memory operands at 56..63 hold address data; result at 64
const load = { v: a => [...at(a), 0xfd, 0, 0, 0], i: () => [...at(48), 0x28, 0, 0], l: () => [...at(48), 0x29, 0, 0], f: () => [...at(48), 0x2a, 0, 0], d: () => [...at(48), 0x2b, 0, 0] }
const store = { v: [0xfd, 11, 0, 0], i: [0x36, 0, 0], l: [0x37, 0, 0], f: [0x38, 0, 0], d: [0x39, 0, 0] }
const lanesOf = op => op.imm == 'LANE' ? op.size : 16 / op.size
const bodies = []
const names = []
for (const op of ops) {
  const [ins, outs] = op.sig.split(':')
  const variants = op.imm == 'LANE' || op.imm == 'MEMLANE' ? [0, lanesOf(op) - 1] : op.name == 'i8x16.shuffle' ? [0, 1] : [0]
  for (const v of variants) {
    const code = []
    if (outs) code.push(0x41, 0xc0, 0) // 64: where the result goes
    let vectors = 0
    for (const c of ins) code.push(...(c == 'p' ? (outs ? at(16) : [0x41, 0xc0, 0]) : c == 'v' ? load.v(16 * vectors++) : load[c]()))
    code.push(0xfd, ...leb(op.code))
    if (op.imm == 'MEMARG') code.push(0, 3)
    if (op.imm == 'MEMLANE') code.push(0, 3, v)
    if (op.imm == 'LANE') code.push(v)
    if (op.imm == 'V128') for (let i = 0; i < 16; i++) code.push(op.name == 'v128.const' ? i * 17 : v ? (i * 7 + 3) % 32 : 31 - i)
    if (outs) code.push(...store[outs])
    code.push(0x0b)
    bodies.push([...leb(code.length + 1), 0, ...code])
    names.push({ name: op.name + (variants.length > 1 ? ' ' + v : ''), op })
  }
}
const module = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  ...section(1, vec([[0x60, 0, 0]])),
  ...section(3, vec(bodies.map(() => [0]))),
  ...section(5, vec([[0, 1]])),
  ...section(7, vec([[...str('memory'), 2, 0], ...bodies.map((_, i) => [...str('f' + i), 0, ...leb(i)])])),
  ...section(10, vec(bodies))])
const instance = new WebAssembly.Instance(new WebAssembly.Module(module))
const memory = new Uint8Array(instance.exports.memory.buffer)
// inputs: random bytes, then floats of all kinds
let seed = 12345n
const random = () => { seed = (seed * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn; return Number(seed >> 33n) }
const special32 = [0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7fa00001, 0x4f000000, 0xcf000000, 0x4f800000, 1, 0x80000001, 0x3f000000, 0xbfc00000, 0x40200000, 0x4effffff, 0x7f7fffff, 0x00ff00ff]
const special64 = [0n, 1n << 63n, 0x3ff0000000000000n, 0xbff8000000000000n, 0x7ff0000000000000n, 0xfff0000000000000n, 0x7ff8000000000000n, 0xfff8000000000001n, 0x7ff4000000000001n, 0x41e0000000000000n, 0xc1e0000000200000n, 0x41f0000000000000n, 1n, 0x3fe0000000000000n, 0x4004000000000000n, 0x7fefffffffffffffn, 0x380fffffffffffffn]
const inputs = []
for (let k = 0; k < 24; k++) {
  const b = Buffer.alloc(64)
  for (let i = 0; i < 64; i++) b[i] = random()
  if (k % 4 == 1) for (let i = 0; i < 64; i += 4) b.writeUInt32LE(special32[random() % special32.length], i)
  if (k % 4 == 2) for (let i = 0; i < 64; i += 8) b.writeBigUInt64LE(special64[random() % special64.length], i)
  if (k % 4 == 3) for (let i = 0; i < 64; i++) b[i] = [0, 1, 0x7f, 0x80, 0xff, random()][random() % 6]
  if (k == 4) b.copy(b, 16, 0, 16)
  inputs.push(b)
}
const canonical = (op, r) => { // a NaN that arithmetic made is x86's default here
  if (!op.flags.includes('NAN')) return r
  const b = Buffer.from(r)
  if (op.size == 4) for (let i = 0; i < 16; i += 4) { if (Number.isNaN(b.readFloatLE(i))) b.writeUInt32LE(0xffc00000, i) }
  else for (let i = 0; i < 16; i += 8) { if (Number.isNaN(b.readDoubleLE(i))) b.writeBigUInt64LE(0xfff8000000000000n, i) }
  return b
}
const minmax = /\.(min|max)$/
const out = [JSON.stringify({ module: Buffer.from(module).toString('hex'), inputs: inputs.map(b => b.toString('hex')) })]
names.forEach(({ name, op }, i) => {
  const fl = minmax.test(name) && name[0] == 'f' ? { flags: 'NAN', size: op.size || (name.startsWith('f32') ? 4 : 2) } : op
  const results = inputs.map(b => { memory.fill(0); memory.set(b); instance.exports['f' + i](); return Buffer.from(canonical(fl, memory.slice(64, 80))).toString('hex') })
  out.push(JSON.stringify({ name, results }))
})
process.stdout.write(out.join('\n') + '\n')
