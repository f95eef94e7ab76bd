// What an operator can see and do with a data folder: aod outbox and aod fsck.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { eventually, getJson, runProgram, startNetwork, temporaryFolder } from './support/network.mjs'
import { emit, entry, resultOf, sendMessage, spawnProbe, spawnProcess, tag } from './support/aos.mjs'
import { bytesOf } from './support/items.mjs'

const data = temporaryFolder()
let net, target

before(async () => {
  net = await startNetwork({ data })
  target = await spawnProbe(net)
})
after(() => net?.stop())

async function run(...args) {
  const run = runProgram(args)
  const { code } = await run.ended
  return { code, out: run.out, err: run.err, json: () => JSON.parse(run.out) }
}
const list = async (...args) => (await run('outbox', 'ls', '--data', data, '--json', ...args)).json()

test('what cannot be sent is listed with its reason, and shown whole', async () => {
  const sender = await spawnProbe(net)
  await emit(net, sender, { Messages: [{ ...entry(target), Tags: [tag('Quantity', 5)] }] })
  const entries = await eventually('it is parked', async () => {
    const { entries } = await list('--parked')
    return entries.length && entries
  })
  assert.equal(entries[0].kind, 'invalid')
  assert.equal(entries[0].from, sender)
  assert.match(entries[0].reason, /element 0/)
  const { code, json } = await run('outbox', 'show', '--data', data, String(entries[0].number))
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(json().text).Tags, [tag('Quantity', 5)])
  const text = await run('outbox', 'ls', '--data', data)
  assert.match(text.out, new RegExp(`${entries[0].number} +invalid +parked +${sender}`))
  assert.match(text.out, /0 waiting, 1 parked/)
})

test('what can never be sent cannot be pushed, nor what is not there', async () => {
  const { entries } = await list()
  const refusal = await run('outbox', 'push', '--data', data, String(entries[0].number))
  assert.notEqual(refusal.code, 0)
  assert.match(refusal.err, /emit it anew/)
  for (const args of [['outbox', 'push', '--data', data, '999999'], ['outbox', 'show', '--data', data, 'x'],
    ['outbox', 'ls'], ['outbox', 'ls', '--data', temporaryFolder()]]) {
    const { code, err } = await run(...args)
    assert.notEqual(code, 0, args.join(' '))
    assert.match(err, /^aod outbox/)
  }
})

test('a parked message that somebody pushes is delivered by the running node', async () => {
  const sender = await spawnProbe(net)
  // A process that boots from what does not exist is refused, and so parked.
  const tags = [tag('Module', net.module64), tag('On-Boot', 'x'.repeat(43))]
  await emit(net, sender, { Spawns: [{ Anchor: '1'.repeat(32), Tags: tags, Data: 'x' }] })
  const parked = await eventually('it is parked', async () =>
    (await list('--parked')).entries.find(({ kind, from }) => kind === 'spawn' && from === sender))
  assert.match(parked.reason, /Invalid tx id for On-Boot tag/)
  const { code, out } = await run('outbox', 'push', '--data', data, String(parked.number))
  assert.equal(code, 0)
  assert.match(out, /^1 to be tried again/)
  await eventually('it was tried again', async () =>
    (await list()).entries.find(({ number }) => number === parked.number)?.attempts > parked.attempts)
})

test('fsck: not while a node runs; a folder is whole after a stop and after a kill', async () => {
  const running = await run('fsck', data)
  assert.notEqual(running.code, 0)
  assert.match(running.err, /a node is running/)
  for (const end of ['stop', 'kill']) {
    const process = await spawnProcess(net)
    for (let i = 0; i < 5; i++) await resultOf(net, process, await sendMessage(net, process))
    await net[end]()
    const { code, json, err } = await run('fsck', '--json', data)
    assert.equal(code, 0, err)
    const { ok, records, processes, findings } = json()
    assert.deepEqual({ ok, findings }, { ok: true, findings: [] })
    assert.ok(processes >= 4 && records >= 10)
    net = await startNetwork({ data })
  }
})

test('fsck names the record that is damaged', async () => {
  const process = await spawnProcess(net)
  const id = await sendMessage(net, process, { data: 'precious' })
  const { message } = await getJson(`${net.su}/${id}?process-id=${process}`)
  await net.stop()
  const file = join(data, 'su.db')
  const bytes = readFileSync(file)
  const at = bytes.indexOf(bytesOf(message.signature).subarray(0, 32))
  assert.ok(at > 0)
  bytes[at] ^= 1
  writeFileSync(file, bytes)
  const { code, out, err } = await run('fsck', data)
  assert.notEqual(code, 0)
  assert.match(err, new RegExp(`^aod fsck: su.db: process ${process} nonce 1: its message: `))
  assert.match(out, /things are wrong/)
  bytes[at] ^= 1
  writeFileSync(file, bytes)
  assert.equal((await run('fsck', data)).code, 0)
  net = await startNetwork({ data })
})
