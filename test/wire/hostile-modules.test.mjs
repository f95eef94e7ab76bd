// Modules that mean harm, as `aod eval` and a whole network run them: each message that goes too far gets an
// error that says which limit it was, its traces are gone, and the process goes on with the next one.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { aodEval, textOf } from './support/eval.mjs'
import { resultOf, sendMessage, spawnProcess, tag, uploadModule } from './support/aos.mjs'
import { request, startNetwork, temporaryFolder } from './support/network.mjs'
import { join as joinBytes, parse, unsigned, write } from '../differential/wasm.mjs'
import { actor, answer, assemble, formatOf, frame } from './support/wat.mjs'

const COMPUTE_LIMIT = 3_000_000_000
const MESSAGE_MS_MAX = 20_000 // far more than any takes, on a busy machine too
const MEMORY_PAGES = 64 // that a process may have
const folder = temporaryFolder()

const TOO_LONG = `the message needs more than its compute limit of ${COMPUTE_LIMIT}`
const OUTSIDE = 'memory access out of bounds'
const TABLE = 'table index is out of bounds'
const SIGNATURE = 'null function or function signature mismatch'
const TOO_DEEP = 'Maximum call stack size exceeded'

// ---- addresses ----

// Every instruction that reads or writes memory: the bytes that it needs, and what it stores.
const accesses = [
  ...['i32', 'i64', 'f32', 'f64'].flatMap((type) => [[`${type}.load`, Number(type.slice(1)) / 8], [`${type}.store`, Number(type.slice(1)) / 8, type]]),
  ...[['i32', 8], ['i32', 16], ['i64', 8], ['i64', 16], ['i64', 32]].flatMap(([type, bits]) => [
    [`${type}.load${bits}_s`, bits / 8], [`${type}.load${bits}_u`, bits / 8], [`${type}.store${bits}`, bits / 8, type]]),
  ['v128.load', 16], ['v128.store', 16, 'v128'],
  ...[8, 16, 32, 64].flatMap((bits) => [
    [`v128.load${bits}_splat`, bits / 8], [`v128.load${bits}_lane`, bits / 8, 'lane'], [`v128.store${bits}_lane`, bits / 8, 'v128', 'lane']]),
  ...['8x8', '16x4', '32x2'].flatMap((shape) => [[`v128.load${shape}_s`, 8], [`v128.load${shape}_u`, 8]]),
  ['v128.load32_zero', 4], ['v128.load64_zero', 8],
]

const zero = (type) => type === 'v128' ? '(v128.const i64x2 0 0)' : `(${type}.const 0)`

function access([name, , stored, lane], address, offset = '') {
  if (stored === 'lane') return `(drop (${name} ${offset} 0 ${address} ${zero('v128')}))`
  if (stored) return `(${name} ${offset} ${lane ? '0' : ''} ${address} ${zero(stored)})`
  return `(drop (${name} ${offset} ${address}))`
}

const end = '(P.mul (memory.size) (P.const 65536))'
const before_end = (bytes) => `(P.sub ${end} (P.const ${bytes}))`

// By name: what a message does, and the error that it gets; undefined when it is allowed.
const addresses = Object.fromEntries([
  ...accesses.flatMap((row) => [
    [`${row[0]} of the last bytes`, [access(row, before_end(row[1]))]],
    [`${row[0]} one byte too far`, [access(row, before_end(row[1] - 1)), OUTSIDE]],
    [`${row[0]} at the largest address with the largest offset`, [access(row, '(P.const -1)', 'offset=4294967295'), OUTSIDE]],
  ]),
  ['memory.fill to the end', [`(memory.fill ${before_end(10)} (i32.const 1) (P.const 10))`]],
  ['memory.fill beyond the end', [`(memory.fill ${before_end(10)} (i32.const 1) (P.const 11))`, OUTSIDE]],
  ['memory.fill of everything there is', ['(memory.fill (P.const 0) (i32.const 1) (P.const -1))', OUTSIDE]],
  ['memory.fill of nothing outside', [`(memory.fill (P.add ${end} (P.const 1)) (i32.const 1) (P.const 0))`, OUTSIDE]],
  ['memory.copy to the end', [`(memory.copy ${before_end(10)} (P.const 0) (P.const 10))`]],
  ['memory.copy beyond the end', [`(memory.copy ${before_end(10)} (P.const 0) (P.const 11))`, OUTSIDE]],
  ['memory.copy from beyond the end', [`(memory.copy (P.const 0) ${before_end(10)} (P.const 11))`, OUTSIDE]],
  ['memory.copy of everything there is', ['(memory.copy (P.const 1) (P.const 0) (P.const -1))', OUTSIDE]],
  ['memory.init of a segment', ['(memory.init $passive (P.const 100) (i32.const 1) (i32.const 3))']],
  ['memory.init beyond the segment', ['(memory.init $passive (P.const 100) (i32.const 1) (i32.const 4))', OUTSIDE]],
  ['memory.init beyond the memory', [`(memory.init $passive ${before_end(2)} (i32.const 0) (i32.const 3))`, OUTSIDE]],
  ['memory.init of a dropped segment', ['(data.drop $passive) (memory.init $passive (P.const 100) (i32.const 0) (i32.const 1))', OUTSIDE]],
])

// Only with 64 bits.
const far_addresses = Object.fromEntries(
  ['0x100000000', '0x400000000', '0x8000000000000000', '0xffffffffffffffff', '0xffffffff00000000'].flatMap((address) => [
    [`i32.load at ${address}`, [access(['i32.load'], `(i64.const ${address})`), OUTSIDE]],
    [`i64.store at ${address}`, [access(['i64.store', 8, 'i64'], `(i64.const ${address})`), OUTSIDE]],
    [`v128.store at ${address} with an offset`, [access(['v128.store', 16, 'v128'], `(i64.const ${address})`, 'offset=65536'), OUTSIDE]],
    [`memory.fill at ${address}`, [`(memory.fill (i64.const ${address}) (i32.const 0) (i64.const 1))`, OUTSIDE]],
  ]).concat([
    ['an offset beyond the memory', [access(['i32.load'], '(i64.const 0)', 'offset=0x7fffffffffffffff'), OUTSIDE]],
    ['address and offset that together wrap', [access(['i32.load'], '(i64.const -4096)', 'offset=8192'), OUTSIDE]],
  ]))

// ---- tables and calls ----

const tables = {
  'table.get of the last entry': ['(drop (table.get $t (i32.const 7)))'],
  'table.get behind the last': ['(drop (table.get $t (i32.const 8)))', TABLE],
  'table.get at -1': ['(drop (table.get $t (i32.const -1)))', TABLE],
  'table.set behind the last': ['(table.set $t (i32.const 8) (ref.null func))', TABLE],
  'table.fill beyond the end': ['(table.fill $t (i32.const 6) (ref.null func) (i32.const 3))', TABLE],
  'table.copy beyond the end': ['(table.copy $t $t (i32.const 5) (i32.const 0) (i32.const 4))', TABLE],
  'table.copy from beyond the end': ['(table.copy $t $t (i32.const 0) (i32.const 5) (i32.const 4))', TABLE],
  'table.init of a segment': ['(table.init $t $spare (i32.const 4) (i32.const 0) (i32.const 2))'],
  'table.init beyond the segment': ['(table.init $t $spare (i32.const 4) (i32.const 1) (i32.const 2))', TABLE],
  'table.init of a dropped segment': ['(elem.drop $spare) (table.init $t $spare (i32.const 0) (i32.const 0) (i32.const 1))', TABLE],
  'table.grow beyond its maximum': ['(if (i32.ne (table.grow $t (ref.null func) (i32.const 5)) (i32.const -1)) (then (unreachable)))'],
  'table.grow by everything': ['(if (i32.ne (table.grow $t (ref.null func) (i32.const -1)) (i32.const -1)) (then (unreachable)))'],
  'a call through an entry': ['(call_indirect $t (type $plain) (i32.const 1))'],
  'a call through a null entry': ['(call_indirect $t (type $plain) (i32.const 0))', SIGNATURE],
  'a call through an entry of another type': ['(call_indirect $t (type $plain) (i32.const 2))', SIGNATURE],
  'a call through an entry behind the last': ['(call_indirect $t (type $plain) (i32.const 8))', TABLE],
  'a call through entry -1': ['(call_indirect $t (type $plain) (i32.const -1))', TABLE],
  'a call through an entry that was replaced': ['(table.set $t (i32.const 1) (ref.null func)) (call_indirect $t (type $plain) (i32.const 1))', SIGNATURE],
}

// ---- time, depth and memory ----

const loops = {
  'an endless loop': ['(loop $again (br $again))', TOO_LONG],
  'an endless loop that writes': ['(loop $again (i32.store8 (local.get $p) (i32.const 1)) (local.set $p (P.and (P.add (local.get $p) (P.const 1)) (P.const 65535))) (br $again))', TOO_LONG],
  'an endless loop by a table of labels': ['(loop $again (br_table $again $again (local.get $i)))', TOO_LONG],
  'an endless loop of calls': ['(loop $again (call $plain) (br $again))', TOO_LONG],
  'an endless loop that moves memory': ['(loop $again (memory.copy (P.const 0) (P.const 1) (P.const 60000)) (br $again))', TOO_LONG],
  'an endless loop that fills memory': ['(loop $again (memory.fill (P.const 0) (i32.const 1) (P.const 60000)) (br $again))', TOO_LONG],
  'an endless loop that asks for memory': ['(loop $again (drop (memory.grow (P.const 100000))) (br $again))', TOO_LONG],
  'an endless loop that asks for entries': ['(loop $again (drop (table.grow $t (ref.null func) (i32.const 100000))) (br $again))', TOO_LONG],
  'endless recursion': ['(call $recurse)', TOO_DEEP],
  'endless recursion of two': ['(call $ping)', TOO_DEEP],
  'endless recursion through the table': ['(call_indirect $t (type $plain) (i32.const 3))', TOO_DEEP],
  'endless recursion with large frames': ['(drop (call $fat (i64.const 1)))', TOO_DEEP],
}

const memories = {
  'memory up to its limit': ['(loop $more (br_if $more (P.ne (memory.grow (P.const 1)) (P.const -1)))) (memory.fill (P.const 2048) (i32.const 7) (P.sub ' + end + ' (P.const 2048)))'],
  'memory.grow by more than there can be': ['(if (P.ne (memory.grow (P.const -1)) (P.const -1)) (then (unreachable)))'],
  'memory up to its limit, then a byte more': ['(loop $more (br_if $more (P.ne (memory.grow (P.const 1)) (P.const -1)))) (P.store8 ' + end + ' (P.const 1))', OUTSIDE],
}

const traps = {
  unreachable: ['(unreachable)', 'unreachable'],
  'division by zero': ['(drop (i32.div_s (i32.const 1) (local.get $i)))', 'divide by zero'],
  'remainder by zero': ['(drop (i64.rem_u (i64.const 1) (i64.extend_i32_u (local.get $i))))', 'remainder by zero'],
  'a quotient too large': ['(drop (i32.div_s (i32.const 0x80000000) (i32.sub (local.get $i) (i32.const 1))))', 'divide result unrepresentable'],
  'a number too large for an integer': ['(drop (i32.trunc_f64_s (f64.const 1e10)))', 'float unrepresentable in integer range'],
  'no number as an integer': ['(drop (i64.trunc_f32_u (f32.const nan)))', 'float unrepresentable in integer range'],
}

// ---- answers ----

const place = 3000
const say = (text) => [...Buffer.from(text), 0].map((byte, i) => `(i32.store8 (P.const ${place + i}) (i32.const ${byte}))`).join('') + `(return (P.const ${place}))`

const NOTHING = 'Unexpected end of JSON input'

const answers = {
  'an answer that is no JSON': [say('no'), "invalid JSON at line 1 column 2: invalid token near 'no'"],
  'an answer that is cut off': [say('{"ok":true,"response":{"Output":'), 'invalid JSON at line 1 column 32: unexpected token near end of file'],
  'an empty answer': [say(''), NOTHING],
  'an answer at 0': ['(return (P.const 0))', NOTHING],
  'an answer outside of memory': ['(return (P.const 0x7fffffff))', NOTHING],
  'an answer at the very end': [`(return ${end})`, NOTHING],
  'an answer at -1': ['(return (P.const -1))', NOTHING],
  'an answer without an end': [`(memory.fill (P.const 70000) (i32.const 65) (P.sub ${end} (P.const 70000))) (return (P.const 70000))`,
    /^invalid JSON at line 1 column \d+: invalid token$/],
  'an answer of bytes that are no text': [`(i32.store (P.const ${place}) (i32.const 0x00fffeff)) (return (P.const ${place}))`, /^invalid JSON at line 1 column 1/],
  'an answer that is nested too deeply': ['(memory.fill (P.const 70000) (i32.const 91) (P.const 60000)) (return (P.const 70000))',
    "invalid JSON at line 1 column 2049: maximum parsing depth reached near '['"],
}

// ---- running them ----

const declarations = `
  (type $plain (func)) (data $passive "abcd") (elem $spare func $plain $plain)
  (table $t (export "__indirect_function_table") 8 10 funcref)
  (elem (i32.const 1) $plain $other $indirect)
  (func $plain) (func $other (param i32) (result i32) (local.get 0))
  (func $indirect (call_indirect $t (type $plain) (i32.const 3)))
  (func $recurse (call $recurse)) (func $ping (call $pong)) (func $pong (call $ping))
  (func $fat (param i64) (result i64) (local ${'i64 '.repeat(200)})
    ${Array.from({ length: 200 }, (_, i) => `(local.set ${i + 1} (i64.mul (local.get ${i}) (i64.const 3)))`).join(' ')}
    (i64.add (call $fat (local.get 200)) (i64.add (local.get 100) (local.get 50))))`

function run(name, wasm, wide, lines, pages = MEMORY_PAGES) {
  const path = join(folder, `${name}${wide ? 64 : 32}.wasm`)
  writeFileSync(path, wasm)
  return aodEval(['--module', path, '--format', formatOf(wide), '--compile', 'first', '--compute-limit', String(COMPUTE_LIMIT),
    '--memory-limit', String(pages * 65536), '--state'], textOf(...lines))
}

const matches = (text, expected) => expected instanceof RegExp ? expected.test(text) : text === expected

// After every message a harmless one, which must find what the one before left.
function checkAll(name, cases, wide) {
  const actions = Object.fromEntries(Object.entries(cases).map(([what, [code]]) => [what, code]))
  const { wasm, wordFor } = actor({ memory: '2 100', declarations, actions, wide })
  const names = Object.keys(cases)
  const lines = names.flatMap((what) => [wordFor(what), 'nothing']).map((Data) => ({ msg: { Data }, env: {} }))
  const got = run(name, wasm, wide, [{ msg: {}, env: {} }, ...lines])
  assert.equal(got.code, 0, got.err)
  assert.equal(got.lines.length, lines.length + 1)
  const wrong = []
  let memory = got.lines[0].memory
  names.forEach((what, i) => {
    const [, expected] = cases[what]
    const [{ result, ms, ...after }, next] = got.lines.slice(2 * i + 1, 2 * i + 3)
    const error = expected !== undefined
    if (error ? !matches(String(result.Error), expected) : result.Output !== answer) wrong.push([what, JSON.stringify(result).slice(0, 200)])
    else if (error && JSON.stringify(after.memory) !== JSON.stringify(memory)) wrong.push([what, 'left traces'])
    else if (next.result.Output !== answer) wrong.push([what, `then: ${JSON.stringify(next.result).slice(0, 200)}`])
    else if (ms > MESSAGE_MS_MAX) wrong.push([what, `took ${ms} ms`])
    else if (after.memory.bytes > MEMORY_PAGES * 65536) wrong.push([what, `has ${after.memory.bytes} bytes`])
    memory = next.memory
  })
  assert.deepEqual(wrong, [])
}

for (const wide of [true, false]) {
  describe(`messages to a module of ${wide ? 64 : 32} bits`, () => {
    test('addresses', () => checkAll('addresses', { ...addresses, ...(wide ? far_addresses : {}) }, wide))
    test('tables and calls', () => checkAll('tables', tables, wide))
    test('loops and recursion', () => checkAll('loops', loops, wide))
    test('memory', () => checkAll('memory', memories, wide))
    test('traps', () => checkAll('traps', traps, wide))
    test('answers', () => checkAll('answers', answers, wide))
  })
}

test('an answer that is longer than any text may be', () => {
  const huge = '(drop (memory.grow (P.const 8200))) (memory.fill (P.const 65536) (i32.const 65) (P.const 537000000)) (return (P.const 65536))'
  const { wasm, wordFor } = actor({ memory: '2 10000', actions: { huge }, wide: true })
  const got = run('huge', wasm, true, [{ msg: { Data: wordFor('huge') }, env: {} }, { msg: {}, env: {} }], 10_000)
  assert.equal(got.lines[0]?.result.Error, 'Cannot create a string longer than 0x1fffffe8 characters', got.err)
  assert.equal(got.lines[1].result.Output, answer)
  assert.equal(got.lines[1].memory.bytes, 2 * 65536)
})

// ---- modules that are refused, and some that only look as if they should be ----

const memory = '(memory (export "memory") i64 2 100)'
const handle = '(func (export "handle") (param i64 i64) (result i64) (i64.const 1024))'
const good = `${memory} ${handle}`
const importing = (what) => frame(good, `(import ${what})`)
const body = (code, locals = '') => frame(`${memory} (func (export "handle") (param i64 i64) (result i64) ${locals} ${code} (i64.const 1024))`)
const times = (count, text) => Array(count).fill(text).join(' ')

// Code that is too deep for whoever reads text: before the end of handle stand these bytes.
function bytesInHandle(...parts) {
  const module = parse(assemble(body('')))
  const last = module.bodies.at(-1)
  last.code = joinBytes([...parts.flat().map((part) => [].concat(part)), last.code])
  return write(module)
}
const repeat = (count, ...bytes) => Array.from({ length: count }, () => bytes).flat()
// in the start function, whose budget is large: so that it is soon used up
const slow_loop = '(loop $again (drop (i64.div_s (i64.const 1) (i64.const 1))) (drop (memory.grow (i64.const 100000))) (br $again))'

// By name: the module and what is said of it; undefined when it runs.
const modules = {
  'a function that no host has': [importing(`"env" "fork" (func)`), /env\.fork/],
  'a function of another host': [importing(`"wasi_snapshot_preview1" "path_open" (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32))`), /wasi_snapshot_preview1\.path_open/],
  'a host function with another type': [importing(`"env" "strftime" (func (param i32))`), /env\.strftime.*another type/],
  'a memory of the host': [frame(handle, '(import "env" "memory" (memory i64 2))'), /env\.memory/],
  'a table of the host': [importing(`"env" "__indirect_function_table" (table 1 funcref)`), /env\.__indirect_function_table/],
  'a global of the host': [importing(`"env" "secret" (global i64)`), /env\.secret/],
  'no handle': [frame(memory), /handle/],
  'a handle that takes one argument': [frame(`${memory} (func (export "handle") (param i64) (result i64) (i64.const 0))`), /handle/],
  'a handle that takes numbers of another size': [frame(`${memory} (func (export "handle") (param i32 i32) (result i32) (i32.const 0))`), /handle/],
  'a handle that is a global': [frame(`${memory} (global (export "handle") i64 (i64.const 0))`), /handle/],
  'no memory': [`(module ${handle})`, /outside|memory/],
  'a start function that traps': [frame(`${good} (func $start (unreachable)) (start $start)`), /unreachable/],
  'a start function that never ends': [frame(`${good} (func $start ${slow_loop}) (start $start)`), /compute limit/],
  'a start function that calls itself': [frame(`${good} (func $start (call $start)) (start $start)`), /Maximum call stack/],
  'a constructor that never ends': [frame(good).replace('(export "__wasm_call_ctors")', `(export "__wasm_call_ctors") ${slow_loop}`), /compute limit/],
  'data outside of memory': [frame(`${good} (data (i64.const 131070) "abc")`), /out of bounds/],
  'data at an address of 64 bits': [frame(`${good} (data (i64.const -1) "a")`), /out of bounds/],
  'elements outside of their table': [frame(`${good} (table 2 funcref) (elem (i32.const 1) $f $f) (func $f)`), /out of bounds/],
  'a memory that begins larger than its limit': [frame(`(memory (export "memory") i64 65 100) ${handle}`), /memory|limit/],
  'a memory that begins with 16 GiB': [frame(`(memory (export "memory") i64 262144) ${handle}`), /memory|limit/],
  'a memory that begins with 64 PiB': [frame(`(memory (export "memory") i64 1099511627776) ${handle}`), /memory|limit/],
  'a memory that may grow to 64 PiB': [frame(`(memory (export "memory") i64 2 1099511627776) ${handle}`)],
  'tables with very many entries': [frame(`${good} (table 10000000 funcref)`), /table/],
  '10,000 locals': [body('', `(local ${times(10_000, 'i64')})`)],
  '50,001 locals': [body('', `(local ${times(50_001, 'i64')})`), /locals/],
  '10,000 blocks in one another': [bytesInHandle(repeat(10_000, 0x02, 0x40), repeat(10_000, 0x0b))],
  '200,000 blocks in one another': [bytesInHandle(repeat(200_000, 0x02, 0x40), repeat(200_000, 0x0b)), /deep|nest/],
  'a jump to 60,000 places': [bytesInHandle(0x02, 0x40, 0x41, 1, 0x0e, unsigned(60_000), repeat(60_001, 0), 0x0b)],
  'a sum of 20,000 numbers': [bytesInHandle(repeat(20_000, 0x42, 1), repeat(19_999, 0x7c), 0x1a)],
  '3,000 functions': [frame(`${good} ${times(3000, '(func (result i32) (i32.const 1))')}`)],
  'nothing at all': [Buffer.alloc(0), /byte 0/],
  'text': [Buffer.from('<html></html>'), /byte 0|magic/],
  'the beginning of a module': [assemble(frame(good)).subarray(0, 100), /byte \d+/],
  'a section that is larger than the file': [Buffer.from('0061736d0100000001ffffffff0f', 'hex'), /byte \d+/],
}

describe('modules', () => {
  for (const [name, [what, expected]] of Object.entries(modules)) {
    test(name, () => {
      const wasm = typeof what === 'string' ? assemble(what) : what
      const got = run(`module-${name.replace(/\W+/g, '-')}`, wasm, true, [{ msg: {}, env: {} }])
      if (!expected) return assert.equal(got.lines[0]?.result.Output, answer, got.err)
      assert.notEqual(got.code, 0, got.out)
      assert.match(got.err, expected)
      assert.ok(got.err.length < 1000)
    })
  }
})

// ---- in a network ----

describe('a network', () => {
  let net
  before(async () => { net = await startNetwork({ args: ['--process-memory', String(MEMORY_PAGES * 65536)] }) })
  after(() => net?.stop())

  test('a process goes on after whatever a message does', async () => {
    const cases = { ...loops, ...memories, ...traps, ...answers }
    const actions = Object.fromEntries(Object.entries(cases).map(([what, [code]]) => [what, code]))
    const { wasm, wordFor } = actor({ memory: '2 1000000', declarations, actions, wide: true })
    const module = await uploadModule(net, formatOf(true), wasm)
    const process = await spawnProcess(net, { module, tags: [tag('Compute-Limit', String(COMPUTE_LIMIT))] })
    for (const [what, [, expected]] of Object.entries(cases)) {
      const message = await sendMessage(net, process, { data: wordFor(what) })
      const result = await resultOf(net, process, message)
      if (expected === undefined) assert.equal(result.Output, answer, what)
      else assert.ok(matches(String(result.Error), expected), `${what}: ${JSON.stringify(result)}`)
    }
    assert.equal((await resultOf(net, process, await sendMessage(net, process))).Output, answer)
  })

  test('a module that is refused harms nobody', async () => {
    const module = await uploadModule(net, formatOf(true), assemble(importing('"env" "fork" (func)')))
    const process = await spawnProcess(net, { module })
    const { status, text } = await request(`${net.cu}/result/${process}?process-id=${process}`)
    assert.ok(status >= 400, text)
    assert.match(text, /env\.fork/)
    const other = await spawnProcess(net, { module: await uploadModule(net, formatOf(true), assemble(frame(good))) })
    assert.equal((await resultOf(net, other, other)).Output, answer)
  })

  test('a module that begins larger than a process may be', async () => {
    const process = await spawnProcess(net, { module: net.module32 })
    const { status, text } = await request(`${net.cu}/result/${process}?process-id=${process}`)
    assert.equal(status, 413)
    assert.match(text, /a memory of \d+ bytes is more than the 4194304 bytes that it may have/)
  })
})
