// Cron of the compute unit: messages that follow from the process's tags and the time alone. Statements
// U34, U35, U37-U39.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertRefused, eventually, getJson, network, request } from './support/network.mjs'
import { printed, resultOf, schedule, sendMessage, spawnProbe, spawnProcess, tag, testWallet } from './support/aos.mjs'
import { addressOf } from './support/items.mjs'

const owner = addressOf(testWallet)
let net

before(async () => { net = await network() })
after(() => net?.stop())

const cronOf = (process, query = '') => getJson(`${net.cu}/cron/${process}${query}`)
const decoded = (cursor) => JSON.parse(Buffer.from(cursor, 'base64').toString())

// The cron evaluations of a process as soon as there are `count` of them: the clock makes them.
const ticks = (process, count) => eventually(`${count} ticks of ${process}`, async () => {
  const { edges } = await cronOf(process)
  return edges.length >= count && edges
})

test('U34 U35 a time cron fires at multiples of its interval after the process, and is listed ascending', async () => {
  const process = await spawnProcess(net, { tags: [tag('Cron-Interval', '1-second'), tag('Cron-Tag-Action', 'Tick')] })
  const origin = (await getJson(`${net.su}/processes/${process}`)).timestamp
  const edges = await ticks(process, 3)
  const times = edges.map(({ cursor }) => decoded(cursor).timestamp)
  assert.deepEqual(times, [...times].sort((a, b) => a - b))
  assert.deepEqual(times.slice(0, 3).map((time) => Math.floor(time / 1000) - Math.floor(origin / 1000)), [1, 2, 3])
  for (const { node, cursor } of edges) {
    assert.equal(decoded(cursor).cron, '0-1-second')
    for (const list of ['Messages', 'Assignments', 'Spawns']) assert.ok(Array.isArray(node[list]))
  }
})

test('U34 pages of cron follow each other, and the schedule is not among them', async () => {
  const process = await spawnProcess(net, { tags: [tag('Cron-Interval', '1-second')] })
  await printed(net, process, 'return 1')
  const all = (await ticks(process, 2)).map(({ cursor }) => cursor)
  const first = await cronOf(process, '?limit=1')
  assert.deepEqual(first.edges.map(({ cursor }) => cursor), all.slice(0, 1))
  assert.equal(first.pageInfo.hasNextPage, true)
  const second = await cronOf(process, `?limit=1&from=${encodeURIComponent(all[0])}`)
  assert.deepEqual(second.edges.map(({ cursor }) => cursor), all.slice(1, 2))
  assert.equal((await schedule(net, process)).length, 2, 'cron messages have no place in the schedule')
})

test('U37 U38 a cron message is the owner\'s, with the tags of its own interval, without id and nonce', async () => {
  const process = await spawnProbe(net, {
    tags: [
      tag('Cron-Interval', '1-second'), tag('Cron-Tag-Action', 'Often'), tag('Cron-Tag-Colour', 'red'),
      tag('Cron-Interval', '2-seconds'), tag('Cron-Tag-Action', 'Seldom'),
    ],
  })
  const seen = await eventually('both kinds of tick', async () => {
    const messages = (await cronOf(process)).edges
      .map(({ node, cursor }) => ({ text: node.Output?.message, cron: decoded(cursor).cron }))
      .filter(({ text }) => text)
      .map(({ text, cron }) => ({ cron, message: JSON.parse(text) }))
    const kinds = new Set(messages.map(({ cron }) => cron))
    return kinds.has('0-1-second') && kinds.has('1-2-seconds') && messages
  })
  for (const { cron, message } of seen) {
    assert.equal(message.Owner, owner)
    assert.equal(message.From, owner)
    assert.equal(message.Target, process)
    assert.equal(message.Cron, true)
    assert.ok(Number.isInteger(message.Timestamp) && Number.isInteger(message['Block-Height']))
    for (const field of ['Id', 'Nonce', 'Epoch', 'Hash-Chain']) assert.equal(field in message, false, field)
    assert.deepEqual(message.Tags, cron === '0-1-second'
      ? [tag('Action', 'Often'), tag('Colour', 'red')]
      : [tag('Action', 'Seldom')])
  }
})

for (const [what, tags] of [
  ['a Cron-Tag before any Cron-Interval', [tag('Cron-Tag-Action', 'Tick'), tag('Cron-Interval', '1-second')]],
  ['an interval below a second', [tag('Cron-Interval', '10-milliseconds')]],
]) {
  test(`U39 ${what} is an error`, async () => {
    const process = await spawnProcess(net, { tags })
    const id = await sendMessage(net, process)
    assertRefused(await request(`${net.cu}/result/${id}?process-id=${process}`), /cron/i)
  })
}

test('a process without cron has none', async () => {
  const process = await spawnProcess(net)
  await resultOf(net, process, await sendMessage(net, process))
  assert.deepEqual((await cronOf(process)).edges, [])
})
