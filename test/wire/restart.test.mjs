// What a network with a data folder keeps: everything that it acknowledged. After a stop and after a
// SIGKILL the same ids give the same bytes, and processes go on where they were. Statements S37, U3.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, getJson, postItem, request, startNetwork, temporaryFolder } from './support/network.mjs'
import {
  assignmentTag, messageTags, peek, printed, resultOf, schedule, sendMessage, spawnProcess, tag, testWallet, valueOf,
} from './support/aos.mjs'
import { addressOf, bytesOf, sha256, signItem } from './support/items.mjs'

const owner = addressOf(testWallet)
const increment = 'Count = (Count or 0) + 1; return Count'

// Everything that can be asked about some processes, as bytes.
async function observe(net, processes) {
  const seen = {}
  for (const process of processes) {
    const nodes = await schedule(net, process)
    const urls = [`${net.su}/processes/${process}`, `${net.su}/${process}?process-id=${process}&limit=1000`,
      `${net.cu}/results/${process}?limit=1000`, `${net.ar}/raw/${process}`]
    for (const { message, assignment } of nodes) {
      urls.push(`${net.cu}/result/${message?.id ?? assignment.id}?process-id=${process}`)
      urls.push(`${net.su}/${assignment.id}?process-id=${process}`)
    }
    for (const url of urls) {
      const { status, text } = await request(url)
      assert.equal(status, 200, `${url}: ${text}`)
      seen[url.replace(/^http:\/\/[^/]+/, '')] = text
    }
  }
  return seen
}

function assertChain(process, nodes) {
  nodes.forEach((node, i) => {
    assert.equal(assignmentTag(node, 'Nonce'), String(i))
    const expected = i === 0
      ? sha256(bytesOf(process))
      : sha256(bytesOf(nodes[i - 1].assignment.id), bytesOf(assignmentTag(nodes[i - 1], 'Hash-Chain')))
    assert.equal(assignmentTag(node, 'Hash-Chain'), expected.toString('base64url'))
  })
}

// With hardly any memory, each process that is asked for drives the others out.
for (const [end, args] of [['stop', []], ['kill', []], ['kill', ['--memory', '1M']]]) {
  test(`after ${[end === 'stop' ? 'SIGTERM' : 'SIGKILL', ...args].join(' ')} everything is as it was, and goes on`, async () => {
    const data = temporaryFolder()
    let net = await startNetwork({ data, args })
    const processes = [await spawnProcess(net), await spawnProcess(net, { module: net.module32 })]
    for (const process of processes) {
      for (let i = 1; i <= 4; i++) assert.equal(await printed(net, process, increment), String(i))
    }
    const [a, b] = processes
    await printed(net, b, `Handlers.add('add', 'Add', function (msg) msg.reply({ Data = tostring(msg.Data + Count) }) end)`)
    await printed(net, a, `Sum = Send({ Target = '${b}', Action = 'Add', Data = '10' }).receive().Data`)
    const isSummed = async () => /^14/.test(await peek(net, a, 'return Sum', owner))
    await eventually('the answer is back', isSummed)
    const before = await observe(net, processes)
    const { scheduler, authority, modules, accounts } = net
    await net[end]()

    net = await startNetwork({ data, args })
    try {
      assert.deepEqual({ scheduler, authority, modules }, { scheduler: net.scheduler, authority: net.authority, modules: net.modules })
      assert.deepEqual(accounts.map(({ address }) => address), net.accounts.map(({ address }) => address))
      assert.deepEqual(await observe(net, processes), before)
      assert.ok(await isSummed())
      for (const process of processes) {
        const { length } = await schedule(net, process)
        assert.equal(await printed(net, process, increment), '5')
        const nodes = await schedule(net, process)
        assert.equal(nodes.length, length + 1)
        assertChain(process, nodes)
      }
    } finally {
      await net.stop()
    }
  })
}

test('messages that were acknowledged survive a SIGKILL in the middle of the load', async () => {
  const data = temporaryFolder()
  let net = await startNetwork({ data })
  const processes = []
  for (let i = 0; i < 4; i++) processes.push(await spawnProcess(net))
  const items = []
  for (let i = 0; i < 200; i++) {
    const target = processes[i % processes.length]
    items.push({ target, ...(await signItem({ target, tags: messageTags(tag('Action', 'Eval')), data: increment })) })
  }
  const acknowledged = []
  // Eight clients post until the network is gone; the kill comes with the sixtieth acknowledgement.
  const queue = [...items]
  const client = async () => {
    for (let item; (item = queue.pop());) {
      const answer = await postItem(net.mu, item.raw).catch(() => null)
      if (answer?.status !== 202) return
      acknowledged.push(item)
      if (acknowledged.length === 60) net.run.signal('SIGKILL')
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
  await net.run.ended
  assert.ok(acknowledged.length >= 60 && acknowledged.length < items.length, String(acknowledged.length))

  net = await startNetwork({ data })
  try {
    for (const { id, target } of acknowledged) {
      const node = await getJson(`${net.su}/${id}?process-id=${target}`)
      assert.equal(node.message.id, id)
      // The process saw it as the schedule says: its count is its nonce.
      assert.equal((await resultOf(net, target, id)).Output.data, assignmentTag(node, 'Nonce'))
    }
    for (const process of processes) {
      assertChain(process, await schedule(net, process))
      const { id } = { id: await sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: increment }) }
      const { Output } = await resultOf(net, process, id)
      assert.equal(Output.data, String((await schedule(net, process)).length - 1))
    }
  } finally {
    await net.stop()
  }
})

test('U11 processes go on from snapshots, and without them; results that are lost are made again', async () => {
  const data = temporaryFolder()
  let net = await startNetwork({ data })
  const process = await spawnProcess(net)
  for (let i = 1; i <= 3; i++) assert.equal(await printed(net, process, increment), String(i))
  // Enough work for a snapshot without a stop.
  const busy = 'local x = 0; for i = 1, 2e7 do x = x + i % 7 end; Busy = x; return x'
  const answer = await printed(net, process, busy)
  const first = await observe(net, [process])
  await net.kill()
  for (const loss of [[], ['snapshots.db'], ['cu.db'], ['cu.db', 'snapshots.db']]) {
    for (const name of loss) {
      for (const suffix of ['', '-wal', '-shm']) rmSync(join(data, name + suffix), { force: true })
    }
    net = await startNetwork({ data })
    assert.equal(await peek(net, process, 'return Busy', owner), answer)
    assert.deepEqual(await observe(net, [process]), first)
    assert.equal(net.run.err, '')
    await net[loss.length === 1 ? 'stop' : 'kill']()
  }
})

test('a message on its way to another process survives a SIGKILL, and arrives once', async () => {
  const data = temporaryFolder()
  let net = await startNetwork({ data })
  const [from, to] = [await spawnProcess(net), await spawnProcess(net)]
  const sent = 20
  for (let i = 0; i < sent; i++) {
    await sendMessage(net, from, { tags: [tag('Action', 'Eval')], data: `Send({ Target = '${to}', Data = '${i}' })` })
  }
  await net.kill()
  net = await startNetwork({ data })
  try {
    const arrived = () => schedule(net, to).then((nodes) =>
      nodes.filter(({ message }) => valueOf(message.tags, 'From-Process') === from).map(({ message }) => message.data))
    await eventually('all have arrived', async () => (await arrived()).length >= sent)
    await printed(net, from, 'return 1') // whatever was still on its way is ordered before this
    assert.deepEqual((await arrived()).sort(), Array.from({ length: sent }, (_, i) => String(i)).sort())
  } finally {
    await net.stop()
  }
})
