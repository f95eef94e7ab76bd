// aod replay and aod state: what a process did, evaluated once more from its log, and what its
// memory was. Both work on the folder of a network that has stopped.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runProgram, startNetwork, temporaryFolder } from './support/network.mjs'
import { printed, resultOf, schedule, sendMessage, spawnProcess, tag } from './support/aos.mjs'

const data = temporaryFolder()
let net, process, records, memory

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function tool(...args) {
  const run = runProgram([...args, '--data', data])
  const { code } = await run.ended
  return { code, ...run }
}

async function toolJson(...args) {
  const { code, out, err } = await tool(...args, '--json')
  assert.equal(code, 0, err)
  return JSON.parse(out)
}

before(async () => {
  net = await startNetwork({ data })
  process = await spawnProcess(net)
  for (let i = 1; i <= 5; i++) await printed(net, process, `Count = (Count or 0) + 1; return 'marker-' .. Count`)
  const failing = await sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: `error('on purpose')` })
  assert.match((await resultOf(net, process, failing)).Error, /on purpose/)
  records = (await schedule(net, process)).length
  const response = await fetch(`${net.cu}/state/${process}`)
  assert.equal(response.status, 200)
  memory = Buffer.from(await response.arrayBuffer())
})

after(() => net.stop())

test('not while a node works on the folder', async () => {
  for (const command of ['replay', 'state']) {
    const { code, err } = await tool(command, process)
    assert.notEqual(code, 0)
    assert.match(err, /in use by another aod/)
  }
  await net.stop()
})

test('a replay gives what is stored', async () => {
  const all = await toolJson('replay', process)
  assert.deepEqual(all, { process, same: true, evaluated: records, compared: records, notStored: 0, different: 0, differences: [] })
  const some = await toolJson('replay', process, '--to', '3')
  assert.deepEqual([some.same, some.evaluated], [true, 4])
  assert.match((await tool('replay', process)).out, new RegExp(`${records} evaluations, ${records} as stored, 0 different`))
})

test('the state is that of the compute unit', async () => {
  const state = await toolJson('state', process)
  assert.deepEqual([state.nonce, state.bytes, state.sha256], [records - 1, memory.length, sha256(memory)])
  const { code, out } = await tool('state', process)
  assert.equal(code, 0)
  assert.match(out, new RegExp(`after nonce ${records - 1}: ${memory.length} bytes, ${state.usedPages} pages .* ${state.sha256}`))
})

test('the state at two messages, and what differs', async () => {
  const at = await toolJson('state', process, '--at', '3', '--diff', '2')
  assert.equal(at.nonce, 3)
  assert.equal(at.from.nonce, 2)
  assert.notEqual(at.sha256, at.from.sha256)
  assert.ok(at.changed.length > 0 && at.changed.length < 1000, String(at.changed.length))
  assert.ok(at.changed.every(({ page, bytes }) => page * 4096 < at.bytes && bytes > 0 && bytes <= 4096))
  assert.equal((await toolJson('state', process, '--at', '2')).sha256, at.from.sha256)
  assert.deepEqual((await toolJson('state', process, '--at', '3', '--diff', '3')).changed, [])
  assert.equal((await toolJson('state', process)).sha256, sha256(memory)) // looking changed nothing
})

test('a result that is not what the log gives is named', async () => {
  const path = join(data, 'cu.db')
  const bytes = readFileSync(path)
  const at = bytes.indexOf('marker-3')
  assert.ok(at > 0)
  bytes.write('Marker-3', at)
  writeFileSync(path, bytes)
  const { code, out, err } = await tool('replay', process, '--json')
  assert.notEqual(code, 0)
  const { same, different, differences: [difference] } = JSON.parse(out)
  assert.deepEqual([same, different, difference.what], [false, 1, 'result'])
  assert.match(err, new RegExp(`the evaluation at nonce ${difference.nonce} has another result now`))
})

test('what cannot be done is told', async () => {
  const unknown = await tool('replay', 'A'.repeat(43))
  assert.notEqual(unknown.code, 0)
  assert.match(unknown.err, /^aod replay: /)
  for (const [args, reason] of [
    [['state', 'nonsense'], /say which process/], [['replay'], /say which process/],
    [['replay', process, '--to', 'x'], /--to needs a nonce/], [['state', process, '--at', '-1'], /--at needs a nonce/],
    [['state', process, '--at', '99999'], /./],
  ]) {
    const { code, err } = await tool(...args)
    assert.notEqual(code, 0, args.join(' '))
    assert.match(err, reason)
  }
  const elsewhere = runProgram(['state', process, '--data', temporaryFolder()])
  assert.notEqual((await elsewhere.ended).code, 0)
  assert.match(elsewhere.err, /is no data folder/)
})
