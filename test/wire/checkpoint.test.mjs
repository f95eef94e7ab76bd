// Checkpoints: a process goes on from its memory on Arweave, and nobody can tell the difference.
// Statements U50 and U51.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import {
  eventually, getJson, postItem, query, request, root, runProgram, startNetwork as startWholeNetwork,
  startProgram as startAnyProgram, temporaryFolder,
} from './support/network.mjs'
import {
  arrival, evaluate, outputOf, printed, resultOf, schedule, sendMessage, spawnProcess, tag, testWallet, valueOf,
} from './support/aos.mjs'
import { addressOf, generateWallet, readWallet, signItem } from './support/items.mjs'

const increment = 'Count = (Count or 0) + 1; return Count'
const unitsWallet = readWallet(join(root, 'src/node/keys/node.jwk.json'))
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

// What a test that fails leaves running is stopped after it.
const started = []
const noted = async (starting) => {
  started.push(await starting)
  return started.at(-1)
}
const startNetwork = (options) => noted(startWholeNetwork(options))
const startProgram = (...args) => noted(startAnyProgram(...args))
afterEach(() => Promise.all(started.splice(0).map((one) => one.stop())))

async function toolJson(...args) {
  const run = runProgram([...args, '--json'])
  const { code } = await run.ended
  assert.equal(code, 0, run.err)
  return JSON.parse(run.out)
}

const forget = (data, ...names) => names.forEach((name) =>
  ['', '-wal', '-shm'].forEach((suffix) => rmSync(join(data, name + suffix), { force: true })))

// Every result of a process, by nonce, as bytes; asked of any compute unit.
async function results(cu, net, process) {
  const texts = []
  for (const { message, assignment } of await schedule(net, process)) {
    const { status, text } = await request(`${cu}/result/${message?.id ?? assignment.id}?process-id=${process}`)
    assert.equal(status, 200, text)
    texts.push(text)
  }
  return texts
}

async function memoryOf(cu, process) {
  const response = await fetch(`${cu}/state/${process}`)
  assert.equal(response.status, 200)
  return Buffer.from(await response.arrayBuffer())
}

const nodeTags = async (net, id) => {
  const { transactions } = await query(net, `query { transactions(ids: ["${id}"]) { edges { node { tags { name value } } } } }`)
  return transactions.edges[0].node.tags
}

// A network that was at work, with a checkpoint of one process in its gateway.
async function makeWorld({ more = async () => {} } = {}) {
  const data = temporaryFolder()
  const net = await startNetwork({ data })
  const [process, other] = [await spawnProcess(net), await spawnProcess(net)]
  await printed(net, process, `Handlers.add('add', 'Add', function (msg) Sum = (Sum or 0) + msg.Data end)`)
  for (let i = 1; i <= 3; i++) assert.equal(await printed(net, process, increment), String(i))
  assert.match((await evaluate(net, process, `error('on purpose')`)).Error, /on purpose/)
  await printed(net, other, `Send({ Target = '${process}', Action = 'Add', Data = '7' })`)
  const pushed = await arrival(net, process, ({ tags }) => valueOf(tags, 'From-Process') === other)
  await resultOf(net, process, pushed.message.id)
  await more(net, process)
  const nodes = await schedule(net, process)
  const before = await results(net.cu, net, process)
  const memory = await memoryOf(net.cu, process)
  await net.stop()
  const { checkpoint, nonce } = await toolJson('state', process, '--data', data, '--checkpoint')
  assert.equal(nonce, nodes.length - 1)
  return { data, process, other, nodes, before, memory, checkpoint }
}

let made // by the first test that needs it; others work on copies
const world = async () => {
  made ??= makeWorld()
  const { data, ...rest } = await made
  const copy = temporaryFolder()
  cpSync(data, copy, { recursive: true })
  return { ...rest, data: copy }
}

const goesOn = /goes on from checkpoint ([\w-]{43})/
const passedOver = (id) => new RegExp(`does not go on from checkpoint ${id}: (.*)`)

test('U50 a checkpoint has the network\'s tags, in order, and the whole memory', async () => {
  const { data, process, nodes, memory, checkpoint } = await world()
  const net = await startNetwork({ data })
  try {
    const last = nodes.at(-1).assignment
    const tags = await nodeTags(net, checkpoint)
    const unit = valueOf(tags, 'Unit-Identifier')
    assert.match(unit, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const nonce = String(nodes.length - 1)
    assert.deepEqual(tags, [
      tag('Data-Protocol', 'ao'), tag('Variant', 'ao.TN.1'), tag('Type', 'Checkpoint'),
      tag('Module', net.module64), tag('Process', process), tag('Nonce', nonce),
      tag('Timestamp', valueOf(last.tags, 'Timestamp')),
      tag('Block-Height', String(Number(valueOf(last.tags, 'Block-Height')))),
      tag('Content-Type', 'application/octet-stream'), tag('SHA-256', sha256(memory)), tag('Content-Encoding', 'gzip'),
      tag('Unit-Identifier', unit), tag('Ordinate', nonce),
      tag('Assignment', last.id), tag('Hash-Chain', valueOf(last.tags, 'Hash-Chain')),
    ])
    const { bytes } = await request(`${net.ar}/raw/${checkpoint}`)
    assert.equal(sha256(gunzipSync(bytes)), sha256(memory))
    assert.ok(bytes.length < memory.length / 10)
  } finally {
    await net.stop()
  }
  // The same message again makes no second one.
  assert.equal((await toolJson('state', process, '--data', data, '--checkpoint')).checkpoint, checkpoint)
})

test('U51 a unit that has lost everything goes on from it, with the same results', async () => {
  const { data, process, nodes, before, checkpoint } = await world()
  forget(data, 'cu.db', 'snapshots.db')
  let net = await startNetwork({ data })
  assert.equal(await printed(net, process, increment), '4')
  assert.equal(await printed(net, process, 'return Sum'), '7.0')
  assert.equal(goesOn.exec(net.run.err)?.[1], checkpoint, net.run.err)
  assert.match(net.run.err, new RegExp(`up to nonce ${nodes.length - 1} are not evaluated again`))
  // Nothing from before has been evaluated yet, and all of it can be asked for.
  const page = await getJson(`${net.cu}/results/${process}?limit=1000`)
  assert.equal(page.edges.length, 2)
  assert.deepEqual((await results(net.cu, net, process)).slice(0, before.length), before)

  // Whoever evaluates from the beginning gets the same results and the same memory.
  const control = await startProgram('cu', ['--port', '0', '--gateway-url', net.ar, '--scheduler-url', net.su])
  assert.deepEqual(await results(control.info.cu, net, process), await results(net.cu, net, process))
  assert.equal(sha256(await memoryOf(control.info.cu, process)), sha256(await memoryOf(net.cu, process)))
  assert.doesNotMatch(control.run.err, goesOn) // a wallet that everybody knows vouches for nothing
  await control.stop()

  // After a stop and after a kill it is still there; the snapshot is nearer than the checkpoint.
  for (const end of ['stop', 'kill']) {
    await net[end]()
    net = await startNetwork({ data })
    assert.equal(await printed(net, process, 'return Count'), '4')
  }
  await net.stop()
  forget(data, 'snapshots.db')
  net = await startNetwork({ data })
  assert.equal(await printed(net, process, increment), '5')
  assert.equal(goesOn.exec(net.run.err), null) // it returns to where its results begin, without a word
  await net.stop()
  const replay = await toolJson('replay', process, '--data', data)
  assert.deepEqual([replay.same, replay.different, replay.differences], [true, 0, []])
})

// The bytes of a checkpoint like `tags`, with changes.
async function forge(net, tags, { wallet = unitsWallet, change = {}, drop = [], data }) {
  const changed = tags.filter(({ name }) => !drop.includes(name)).map(({ name, value }) => tag(name, change[name] ?? value))
  const { id, raw } = await signItem({ wallet, tags: changed, data })
  assert.equal((await postItem(`${net.bundler}/tx`, raw)).status, 200)
  return id
}

test('one that is not what it says is passed over, and the process is evaluated from its beginning', async () => {
  const { data, process, nodes, before, memory, checkpoint } = await world()
  let net = await startNetwork({ data })
  const tags = await nodeTags(net, checkpoint)
  const good = (await request(`${net.ar}/raw/${checkpoint}`)).bytes
  const tampered = Buffer.from(memory)
  tampered[tampered.length >> 1] ^= 1
  const cases = {
    [await forge(net, tags, { data: gzipSync(tampered) })]: /does not have the hash/,
    [await forge(net, tags, { data: good.subarray(0, good.length >> 1) })]: /no gzip, or cut off/,
    [await forge(net, tags, { data: good, change: { Assignment: nodes[1].assignment.id } })]: /another schedule/,
    [await forge(net, tags, { data: good, change: { Module: net.module32 } })]: /another process or module/,
    [await forge(net, tags, { data: good, change: { Nonce: '1000' } })]: /no message of its nonce/,
    [await forge(net, tags, { data: good, change: { Nonce: '2' }, drop: ['Assignment', 'Hash-Chain'] })]: /its time is not/,
    [await forge(net, tags, { data: good, change: { 'SHA-256': 'x' } })]: null, // no candidate at all
    [await forge(net, tags, { data: good, change: { 'Content-Encoding': 'br' } })]: null,
    [await forge(net, tags, { data: gzipSync(memory.subarray(0, 65536)), change: { 'SHA-256': sha256(memory.subarray(0, 65536)) } })]: /does not fit the module/,
  }
  await forge(net, tags, { wallet: generateWallet(), data: gzipSync(tampered), change: { 'SHA-256': sha256(tampered) } })
  await net.stop()
  forget(data, 'cu.db', 'snapshots.db')
  // The good one is passed over as well, because the operator says so: the last one standing.
  const cu = async (args) => {
    const ar = await startProgram('serve', ['--units', 'ar,su', '--data', data, '--ar-port', '0', '--bundler-port', '0', '--su-port', '0'])
    const unit = await startProgram('cu', ['--port', '0', '--gateway-url', ar.info.ar, '--scheduler-url', ar.info.su, ...args])
    return { ar, unit, stop: async () => { await unit.stop(); await ar.stop() } }
  }
  const strict = await cu(['--trust-checkpoints', addressOf(unitsWallet), '--ignore-checkpoint', checkpoint])
  assert.deepEqual(await results(strict.unit.info.cu, { su: strict.ar.info.su }, process), before)
  assert.doesNotMatch(strict.unit.run.err, goesOn)
  for (const [id, reason] of Object.entries(cases)) {
    const said = passedOver(id).exec(strict.unit.run.err)?.[1]
    if (reason) assert.match(said ?? '', reason, id)
    else assert.equal(said, undefined)
  }
  assert.equal(sha256(await memoryOf(strict.unit.info.cu, process)), sha256(memory))
  await strict.stop()

  const trusting = await cu(['--trust-checkpoints', addressOf(unitsWallet)])
  assert.equal(sha256(await memoryOf(trusting.unit.info.cu, process)), sha256(memory))
  assert.equal(goesOn.exec(trusting.unit.run.err)?.[1], checkpoint)
  await trusting.stop()

  const alone = await cu([])
  assert.equal(sha256(await memoryOf(alone.unit.info.cu, process)), sha256(memory))
  assert.doesNotMatch(alone.unit.run.err, /checkpoint/)
  await alone.stop()
})

test('those of other compute units: not packed, and with nothing but what must be there', async () => {
  const { data, process, memory, checkpoint } = await world()
  let net = await startNetwork({ data })
  const tags = await nodeTags(net, checkpoint)
  const foreign = await forge(net, tags, {
    wallet: testWallet, data: memory, drop: ['Content-Encoding', 'Assignment', 'Hash-Chain', 'Unit-Identifier', 'Ordinate', 'Variant'],
  })
  const cu = await startProgram('cu', ['--port', '0', '--gateway-url', net.ar, '--scheduler-url', net.su,
    '--trust-checkpoints', addressOf(testWallet)])
  assert.equal(sha256(await memoryOf(cu.info.cu, process)), sha256(memory))
  assert.equal(goesOn.exec(cu.run.err)?.[1], foreign, cu.run.err)
  await cu.stop()
  await net.stop()
})

test('U51 a process with crons goes on behind the last of their messages', async () => {
  const data = temporaryFolder()
  let net = await startNetwork({ data })
  const process = await spawnProcess(net, {
    tags: [tag('Cron-Interval', '1-second'), tag('Cron-Tag-Action', 'Tick'), tag('Cron-Interval', '2-blocks'), tag('Cron-Tag-Action', 'Block')],
  })
  await printed(net, process, `Ticks, Blocks = 0, 0
    Handlers.add('tick', 'Tick', function () Ticks = Ticks + 1 end)
    Handlers.add('block', 'Block', function () Blocks = Blocks + 1 end)`)
  const cron = async (to) => (await getJson(`${to}/cron/${process}?limit=1000`)).edges
  await eventually('crons have run', async () => (await cron(net.cu)).length > 3)
  await sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: 'return Ticks' })
  await eventually('more crons have run', async () => (await cron(net.cu)).length > 5)
  await net.stop()
  const { checkpoint } = await toolJson('state', process, '--data', data, '--checkpoint')
  forget(data, 'cu.db', 'snapshots.db')
  net = await startNetwork({ data })
  try {
    assert.equal(goesOn.exec(net.run.err), null)
    const before = await eventually('crons go on', async () => {
      const edges = await cron(net.cu)
      return edges.length > 2 && edges
    })
    assert.equal(goesOn.exec(net.run.err)?.[1], checkpoint, net.run.err)
    const state = 'return Ticks .. " " .. Blocks'
    const id = await sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: state })
    const counted = outputOf(await resultOf(net, process, id))
    const control = await startProgram('cu', ['--port', '0', '--gateway-url', net.ar, '--scheduler-url', net.su])
    const all = await cron(control.info.cu)
    const from = all.findIndex(({ cursor }) => cursor === before[0].cursor)
    assert.ok(from > 3, `${from}`)
    assert.deepEqual(before, all.slice(from, from + before.length))
    assert.equal(outputOf(await getJson(`${control.info.cu}/result/${id}?process-id=${process}`)), counted)
    await control.stop()
  } finally {
    await net.stop()
  }
})
