// aod module: what a module is, what keeps it from running, and what native code there is of it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { moduleOf, smallest32, smallest64 } from './support/modules.mjs'
import { resultOf, sendMessage, spawnProcess, uploadModule } from './support/aos.mjs'
import { eventually, program, startNetwork, temporaryFolder } from './support/network.mjs'

const format32 = 'wasm32-unknown-emscripten4'
const format64 = 'wasm64-unknown-emscripten-draft_2024_02_15'
const metered64 = 'wasm64-unknown-emscripten-draft_2024_10_16-metering'
const folder = temporaryFolder()
let files = 0

// A cache of one's own, and aod with it.
function newCache() {
  const cache = join(folder, `cache-${++files}`)
  const aod = (args, input = '') => {
    const { status, stdout, stderr } = spawnSync(program, args, { input, env: { ...process.env, AOD_CACHE: cache } })
    return { code: status, out: stdout.toString(), err: stderr.toString() }
  }
  const told = (...args) => {
    const run = aod(['module', ...args])
    assert.equal(run.code, 0, run.err)
    return JSON.parse(run.out)
  }
  return { cache, aod, told }
}

function moduleFile(bytes) {
  const file = join(folder, `module-${++files}.wasm`)
  writeFileSync(file, bytes)
  return file
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const script = `${JSON.stringify({ msg: {}, env: {} })}\n`
const entriesOf = (told, bytes) => told.entries.filter((entry) => entry.sha256 === sha256(bytes))
const tiersOf = (told, bytes) => entriesOf(told, bytes).map((entry) => entry.tier).sort()

test('add compiles into the cache, from which the first message is answered', () => {
  const { cache, aod, told } = newCache()
  const file = moduleFile(smallest64)
  const added = told('add', file, '--tier', 'first')
  assert.equal(added.sha256, sha256(smallest64))
  assert.equal(added.format, format64)
  const [entry] = added.entries
  assert.deepEqual({ ...entry, compiler: '', ageMs: 0, bytes: 0, path: '' }, { path: '', whole: true, sha256: sha256(smallest64),
    tier: 'first', metered: false, compiler: '', usable: true, bytes: 0, ageMs: 0 })
  assert.ok(entry.path.startsWith(cache))
  assert.equal(statSync(entry.path).size, entry.bytes)
  assert.ok(entry.ageMs < 60000)
  assert.match(entry.compiler, /^\//)

  const run = aod(['eval', '--module', file, '--compile', 'first'], script)
  assert.equal(run.code, 0, run.err)
  assert.doesNotMatch(run.err, /compiling/)
  assert.equal(JSON.parse(run.out).result.Output, 'metered')
})

test('add under a format; under a metering one the code is another', () => {
  const { told } = newCache()
  const file = moduleFile(smallest64)
  assert.equal(told('add', file, '--tier', 'first', '--format', metered64).format, metered64)
  told('add', file, '--tier', 'first')
  assert.deepEqual(entriesOf(told('ls'), smallest64).map((entry) => entry.metered).sort(), [false, true])
})

test('what cannot run is refused before it is compiled, with every reason in show', () => {
  const { aod, told } = newCache()
  const bytes = moduleOf(format32, { imports: '(import "env" "teleport" (func (param i32))) (import "env" "exit" (func (param i64)))' })
  const file = moduleFile(bytes)
  const run = aod(['module', 'add', file])
  assert.equal(run.code, 4)
  assert.match(run.err, /the module imports env\.teleport, which Module-Format wasm32-unknown-emscripten4 does not offer/)
  assert.deepEqual(entriesOf(told('ls'), bytes), [])

  const shown = aod(['module', 'show', file])
  assert.equal(shown.code, 4)
  assert.match(shown.err, /env\.teleport/)
  const { valid, reason, fits, imports } = JSON.parse(shown.out)
  assert.equal(valid, false)
  assert.match(reason, /env\.teleport/)
  assert.deepEqual(fits, [])
  assert.match(imports[0].problem, /env\.teleport, which .* does not offer/)
  assert.match(imports[1].problem, /env\.exit, which .* offers with another type/)
})

test('show tells what a module is', () => {
  const { aod, told } = newCache()
  const file = moduleFile(smallest32)
  const shown = told('show', file)
  assert.equal(shown.sha256, sha256(smallest32))
  assert.equal(shown.bytes, smallest32.length)
  assert.equal(shown.format, format32)
  assert.deepEqual(shown.fits, [format32, 'wasm32-unknown-emscripten-metering'])
  assert.deepEqual(shown.memory, { addressBits: 32, initialBytes: 16 * 65536, maximumBytes: 32 * 65536 })
  assert.deepEqual([shown.valid, shown.simd, shown.asyncify, shown.paysForGas], [true, false, false, false])
  assert.deepEqual(shown.exports.find(({ name }) => name === 'handle'), { name: 'handle', kind: 'function', type: '(i32, i32) -> (i32)' })
  assert.deepEqual(shown.entries, [])
  told('add', file, '--tier', 'first')
  assert.equal(told('show', file).entries.length, 1)
  assert.equal(aod(['module', 'show', file, '--format', format64]).code, 4)
})

test('a module with SIMD fits no metering format', () => {
  const { told } = newCache()
  const shown = told('show', moduleFile(moduleOf(format64, { more: '(func (result v128) (v128.const i64x2 1 2))' })))
  assert.equal(shown.simd, true)
  assert.deepEqual(shown.fits, [format64])
})

test('what is no module is told as such', () => {
  const { aod } = newCache()
  const run = aod(['module', 'show', moduleFile('not a module')])
  assert.equal(run.code, 2)
  const { valid, reason } = JSON.parse(run.out)
  assert.equal(valid, false)
  assert.match(reason, /magic/)
  assert.equal(aod(['module', 'add', moduleFile(smallest32.subarray(0, 100))]).code, 2)
  assert.equal(aod(['module', 'show', 'A'.repeat(43)]).code, 3)
  assert.equal(aod(['module', 'show', join(folder, 'nothing')]).code, 3)
})

test('a broken entry is listed as such, and made again when it is needed', () => {
  const { aod, told } = newCache()
  const file = moduleFile(smallest32)
  const [{ path, bytes }] = told('add', file, '--tier', 'first').entries
  truncateSync(path, bytes - 10)
  const broken = told('ls').entries.find((entry) => entry.path === path)
  assert.equal(broken.whole, false)
  assert.equal(broken.sha256, undefined)
  assert.deepEqual(told('show', file).entries, [])
  assert.match(aod(['eval', '--module', file, '--compile', 'first'], script).err, /compiled in/)
  assert.deepEqual(tiersOf(told('ls'), smallest32), ['first'])
})

test('compile --out keeps the code elsewhere', () => {
  const { aod, told } = newCache()
  const out = join(folder, `out-${++files}`)
  const run = aod(['module', 'compile', '--out', out, '--tier', 'first', moduleFile(smallest32), moduleFile(smallest64)])
  assert.equal(run.code, 0, run.err)
  assert.equal(run.err.match(/compiled in/g).length, 2)
  assert.deepEqual(entriesOf(told('ls'), smallest32), [])
})

test('eval --compile says which tiers are made', () => {
  const ways = { first: ['first'], optimised: ['optimised'], both: [] }
  for (const [way, tiers] of Object.entries(ways)) {
    const { aod, told } = newCache()
    const run = aod(['eval', '--module', moduleFile(smallest32), '--compile', way], script)
    assert.equal(run.code, 0, run.err)
    const made = tiersOf(told('ls'), smallest32)
    if (way === 'both') assert.equal(made[0], 'first', 'the end of the script ends the background compiler')
    else assert.deepEqual(made, tiers)
  }
})

test('a network answers from the first tier, and goes on with the optimised code', async () => {
  const cache = join(folder, `cache-${++files}`)
  const net = await startNetwork({ env: { AOD_CACHE: cache } })
  try {
    const process = await spawnProcess(net, { module: await uploadModule(net, format64, smallest64) })
    const first = await resultOf(net, process, process)
    assert.equal(first.Output, 'metered')
    await eventually('the optimised code is in use', () => /optimised in/.test(net.run.err))
    const message = await sendMessage(net, process, { data: '1' })
    assert.deepEqual(await resultOf(net, process, message), first)
  } finally {
    await net.stop()
  }
})

test('wrong usage', () => {
  const { aod } = newCache()
  const file = moduleFile(smallest32)
  for (const args of [['module'], ['module', 'add'], ['module', 'show'], ['module', 'compile'], ['module', 'add', file, file],
    ['module', 'add', file, '--tier', 'both'], ['module', 'ls', 'x'], ['eval', '--module', file, '--compile', 'fast']])
    assert.equal(aod(args).code, 64, args.join(' '))
})
