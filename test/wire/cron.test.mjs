// Conformance of cron messages, in the compute unit (U31, U34-U39) and the messenger (M37-M40, M44),
// and that they are a function of the schedule alone: whoever asks, however often, and after
// everything evaluated was lost.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { assertRefused, eventually, getJson, network, postItem, request, startNetwork, temporaryFolder } from './support/network.mjs'
import {
  answer, assignmentTag, entry, evaluate, given, peek, printed, resultOf, schedule, sendMessage, spawnProbe,
  spawnProcess, tag, testWallet, valueOf,
} from './support/aos.mjs'
import { addressOf, signItem, unknownId, valuesOf } from './support/items.mjs'

const owner = addressOf(testWallet)
const decoded = (cursor) => JSON.parse(Buffer.from(cursor, 'base64').toString())
const every = (interval, ...tags) => [tag('Cron-Interval', interval), ...tags]
let net

before(async () => { net = await network() })
after(() => net?.stop())

const cronPage = (process, query = '', at = net) => getJson(`${at.cu}/cron/${process}${query && `?${query}`}`)

// Ask until a process has so many cron results.
const ticks = (process, count, query = 'limit=1000') =>
  eventually(`${count} cron results`, async () => {
    const { edges } = await cronPage(process, query)
    return edges.length >= count && edges
  })

const origin = async (process) => {
  const { timestamp, block } = await getJson(`${net.su}/processes/${process}`)
  return { time: timestamp, height: Number(block) }
}

// What a probe was given, from its cron results: messages of before it became one left out.
const messagesOf = (edges) => edges
  .filter(({ node }) => node.Output?.message)
  .map(({ node }) => JSON.parse(node.Output.message))

describe('cron by time', () => {
  let process, began
  before(async () => {
    process = await spawnProbe(net, { tags: every('2-seconds', tag('Cron-Tag-Action', 'Tick'), tag('Cron-Tag-Kind', 'a b')) })
    began = await origin(process)
  })

  test('U34 /cron evaluates up to now, and has cron evaluations only, ascending', async () => {
    const { length } = await schedule(net, process)
    const edges = await ticks(process, 2)
    const cursors = edges.map(({ cursor }) => decoded(cursor))
    for (const { cron, ordinate, sort } of cursors) {
      assert.equal(cron, '0-2-seconds')
      assert.ok(Number(ordinate) < length)
      assert.equal(sort, 'ASC')
    }
    const times = cursors.map(({ timestamp }) => timestamp)
    assert.deepEqual(times, [...times].sort((a, b) => a - b))
    const { timestamp: now } = await getJson(`${net.su}/timestamp`)
    assert.ok(Number(now) - times.at(-1) < 60_000)
    for (const { node } of edges) {
      for (const list of ['Messages', 'Assignments', 'Spawns']) assert.ok(Array.isArray(node[list]))
      assert.equal('GasUsed' in node, false)
    }
  })

  test('U34 from, to and limit of /cron', async () => {
    const edges = await ticks(process, 3)
    const [first, second, third] = edges.map(({ cursor }) => cursor)
    const cursorsOf = async (query) => (await cronPage(process, query)).edges.map(({ cursor }) => cursor)
    assert.deepEqual(await cursorsOf('limit=2'), [first, second])
    assert.equal((await cronPage(process, 'limit=2')).pageInfo.hasNextPage, true)
    assert.deepEqual(await cursorsOf(`from=${first}&limit=2`), [second, third]) // unescaped, as the reference's MU
    assert.deepEqual(await cursorsOf(`from=${encodeURIComponent(first)}&to=${encodeURIComponent(second)}`), [second])
    assert.deepEqual(await cursorsOf(`from=${decoded(first).timestamp}&to=${decoded(third).timestamp}`), [second, third])
    assert.deepEqual(await cursorsOf(`to=${decoded(first).timestamp - 1}`), [])
    assertRefused(await request(`${net.cu}/cron/${process}?limit=x`))
    assertRefused(await request(`${net.cu}/cron/${process}?from=x`))
    assertRefused(await request(`${net.cu}/cron/${unknownId}`), /was not found/)
  })

  test('U35 it fires at multiples of its seconds after the process, not with it', async () => {
    const times = (await ticks(process, 3)).map(({ cursor }) => decoded(cursor).timestamp - began.time)
    assert.deepEqual(times, times.map((_, i) => 2000 * (i + 1)))
  })

  test('U37 the message: owner, target and own tags, nothing else', async () => {
    const edges = await eventually('a cron message was given to the probe', async () => {
      const { edges } = await cronPage(process, 'limit=1000')
      return messagesOf(edges).length && edges
    })
    const { node, cursor } = edges.at(-1)
    const { 'Block-Height': height } = JSON.parse(node.Output.message)
    assert.equal(node.Output.message, JSON.stringify({
      Owner: owner,
      Target: process,
      From: owner,
      Tags: [tag('Action', 'Tick'), tag('Kind', 'a b')],
      Timestamp: decoded(cursor).timestamp,
      'Block-Height': height,
      Cron: true,
      'Read-Only': false,
    }))
    assert.ok(Number.isInteger(height) && height >= began.height)
  })

  test('cron messages before a message are evaluated before it, and appear between records', async () => {
    await ticks(process, 1)
    const { message } = await given(net, process, await sendMessage(net, process))
    const { edges } = await getJson(`${net.cu}/results/${process}?limit=1000`)
    const cursors = edges.map(({ cursor }) => decoded(cursor))
    const times = cursors.map(({ timestamp }) => timestamp)
    assert.deepEqual(times, [...times].sort((a, b) => a - b))
    const expected = Math.floor((message.Timestamp - 1 - began.time) / 2000)
    assert.equal(cursors.filter(({ cron, timestamp }) => cron && timestamp < message.Timestamp).length, expected)
    const ordinates = cursors.map(({ ordinate }) => Number(ordinate))
    assert.deepEqual(ordinates, [...ordinates].sort((a, b) => a - b))
  })

  test('following the cursors of /results visits records and cron messages once each', async () => {
    await ticks(process, 4)
    const to = `&to=${encodeURIComponent((await getJson(`${net.cu}/results/${process}?sort=DESC&limit=1`)).edges[0].cursor)}`
    const strip = (cursor) => { const { sort, ...rest } = decoded(cursor); return JSON.stringify(rest) }
    const all = (await getJson(`${net.cu}/results/${process}?limit=1000${to.replace(/&/, '&sort=ASC&')}`)).edges.map(({ cursor }) => strip(cursor))
    const visited = []
    for (let from = ''; ;) {
      const page = await getJson(`${net.cu}/results/${process}?limit=3${from}`)
      visited.push(...page.edges.map(({ cursor }) => strip(cursor)))
      if (!page.pageInfo.hasNextPage) break
      from = `&from=${encodeURIComponent(page.edges.at(-1).cursor)}`
    }
    assert.equal(new Set(visited).size, visited.length)
    assert.ok(all.every((cursor) => visited.includes(cursor)))
  })

  test('a dry run sees the cron messages up to now', async () => {
    const counting = await spawnProcess(net, { tags: every('1-second', tag('Cron-Tag-Action', 'Tick')) })
    await printed(net, counting, `
      Ticks = 0
      Handlers.add('tick', { Action = 'Tick' }, function () Ticks = Ticks + 1 end)`)
    await eventually('three ticks', async () => Number(await peek(net, counting, 'return Ticks', owner)) >= 3)
  })
})

describe('cron by block', () => {
  let process, began
  before(async () => {
    process = await spawnProbe(net, { tags: every('3-blocks', tag('Cron-Tag-Action', 'Block')) })
    began = await origin(process)
    await getJson(`${net.ar}/mine/7`)
  })

  test('U36 it fires at every so manieth block, with the height and time of the block', async () => {
    const edges = await eventually('two cron messages were given to the probe', async () => {
      const { edges } = await cronPage(process, 'limit=1000')
      return messagesOf(edges).length >= 2 && edges
    })
    const messages = messagesOf(edges)
    const first = edges.length - messages.length // those before the process became a probe are not shown
    const heights = messages.map((message) => message['Block-Height'])
    assert.deepEqual(heights, heights.map((_, i) => began.height + 3 * (first + i + 1)))
    for (const { Timestamp, 'Block-Height': height } of messages) {
      assert.equal(Timestamp, 1000 * (await getJson(`${net.ar}/block/height/${height}`)).timestamp)
    }
    for (const { cursor } of edges) assert.equal(decoded(cursor).cron, '0-3-blocks')
  })

  test('blocks of one second are each seen once, page by page', async () => {
    await getJson(`${net.ar}/mine/30`)
    const edges = await ticks(process, 12)
    const visited = []
    for (let from = ''; visited.length < 12;) {
      const page = await cronPage(process, `limit=1${from}`)
      visited.push(page.edges[0].cursor)
      from = `&from=${encodeURIComponent(page.edges[0].cursor)}`
    }
    assert.deepEqual(visited, edges.slice(0, 12).map(({ cursor }) => cursor))
  })
})

describe('definitions', () => {
  test('U38 two definitions keep their own tags', async () => {
    const process = await spawnProbe(net, {
      tags: [...every('1-second', tag('Cron-Tag-Action', 'A'), tag('Cron-Tag-Only', 'a')), ...every('2-second', tag('Cron-Tag-Action', 'B'))],
    })
    const edges = await eventually('both have fired', async () => {
      const { edges } = await cronPage(process, 'limit=1000')
      return messagesOf(edges).length >= 4 && edges
    })
    const seen = edges.filter(({ node }) => node.Output?.message).map(({ node, cursor }) =>
      [decoded(cursor).cron, JSON.stringify(JSON.parse(node.Output.message).Tags)])
    const expected = {
      '0-1-second': JSON.stringify([tag('Action', 'A'), tag('Only', 'a')]),
      '1-2-second': JSON.stringify([tag('Action', 'B')]),
    }
    for (const [cron, tags] of seen) assert.equal(tags, expected[cron])
    assert.deepEqual(Object.keys(expected).filter((cron) => seen.some(([one]) => one === cron)), Object.keys(expected))
  })

  test('U39 what cannot be a definition is an error of the evaluation', async () => {
    const bad = [
      [[tag('Cron-Tag-Action', 'A'), ...every('1-second')], /Cron-Tag-Action/],
      [every('500-milliseconds'), /cannot be less than 1 second/],
      [every('0-seconds'), /cannot be less than 1 second/],
    ]
    for (const [tags, why] of bad) {
      const process = await spawnProcess(net, { tags })
      assertRefused(await request(`${net.cu}/result/${process}?process-id=${process}`), why)
      assertRefused(await request(`${net.cu}/cron/${process}`), why)
    }
  })

  test('an interval of unknown length never fires', async () => {
    const process = await spawnProcess(net, { tags: every('1-month') })
    assert.equal((await resultOf(net, process, process)).Error, undefined)
    assert.deepEqual((await cronPage(process)).edges, [])
  })

  test('a process without cron has none', async () => {
    const process = await spawnProcess(net)
    await resultOf(net, process, await sendMessage(net, process))
    assert.deepEqual((await cronPage(process)).edges, [])
  })

  test('U31 cron messages that fail are left out, and the next ones are evaluated', async () => {
    const process = await spawnProcess(net, { tags: every('1-second', tag('Cron-Tag-Action', 'Tick')) })
    await printed(net, process, `
      Ticks = 0
      Handlers.add('tick', { Action = 'Tick' }, function (msg)
        if msg.Timestamp % 2000 < 1000 then error('not this one') end
        Ticks = Ticks + 1
      end)`)
    await eventually('three good ticks', async () => Number(await peek(net, process, 'return Ticks', owner)) >= 3)
    const { edges } = await cronPage(process, 'limit=1000')
    const { timestamp: handled } = decoded((await getJson(`${net.cu}/results/${process}?limit=1000`)).edges
      .find(({ cursor }) => decoded(cursor).ordinate === '1').cursor)
    const kept = edges.map(({ cursor }) => decoded(cursor).timestamp).filter((time) => time > handled)
    assert.ok(kept.length >= 3)
    for (const time of kept) assert.ok(time % 2000 >= 1000)
  })
})

// ---- monitors ----

const monitorItem = async (process) => (await signItem({ target: process, data: ' ' })).raw
const octets = { 'Content-Type': 'application/octet-stream' }
async function monitor(at, process, method = 'POST') {
  return request(`${at.mu}/monitor/${process}`, { method, headers: octets, body: await monitorItem(process) })
}
const startMonitor = async (at, process) => assert.equal((await monitor(at, process)).status, 200)

// A process that tells `target` the time of each of its cron messages.
async function spawnTeller(at, target, { tags = [], interval = '1-second' } = {}) {
  const process = await spawnProcess(at, { tags: [...tags, ...every(interval, tag('Cron-Tag-Action', 'Tick'))] })
  await printed(at, process, `
    Handlers.add('tick', { Action = 'Tick' }, function (msg)
      Send({ Target = '${target}', Told = tostring(msg.Timestamp) })
    end)`)
  return process
}

// What arrived at a target from a process, as the schedule has it.
const told = async (at, target, process) => (await schedule(at, target))
  .map(({ message }) => message)
  .filter((message) => message && valueOf(message.tags, 'From-Process') === process && valueOf(message.tags, 'Told'))
const timesTold = async (at, target, process) => (await told(at, target, process)).map(({ tags }) => Number(valueOf(tags, 'Told')))

describe('monitors', () => {
  let target, process
  before(async () => {
    target = await spawnProbe(net)
    process = await spawnTeller(net, target)
  })

  test('M37 monitoring begins once', async () => {
    const first = await monitor(net, process)
    assert.equal(first.status, 200)
    assert.equal(first.text, 'Monitoring process')
    assertRefused(await monitor(net, process), /Process already being monitored/)
  })

  test('M39 what cron messages send arrives without anybody asking, each once', async () => {
    const times = await eventually('four ticks were told', async () => {
      const times = await timesTold(net, target, process)
      return times.length >= 4 && times
    })
    assert.equal(new Set(times).size, times.length)
    const fired = (await cronPage(process, 'limit=1000')).edges.map(({ cursor }) => decoded(cursor).timestamp)
    const sorted = [...times].sort((a, b) => a - b)
    const from = fired.indexOf(sorted[0])
    assert.deepEqual(sorted, fired.slice(from, from + sorted.length))
  })

  test('M44 what cron messages send has no Pushed-For, and neither has what assignments lead to', async () => {
    const [message] = await told(net, target, process)
    assert.deepEqual(valuesOf(message.tags, 'Pushed-For'), [])
    assert.equal(message.owner.address, net.authority)
    const pusher = await spawnProbe(net)
    const outbox = { Output: '', Messages: [entry(target, { tags: [tag('Told', 'by assignment')] })], Spawns: [], Assignments: [] }
    const elsewhere = await spawnProcess(net)
    const id = await sendMessage(net, elsewhere, { data: answer(outbox) })
    assert.equal((await request(`${net.mu}/?process-id=${pusher}&assign=${id}`, { method: 'POST' })).status, 202)
    const [pushed] = await eventually('the assignment was followed', async () => {
      const messages = await told(net, target, pusher)
      return messages.length && messages
    })
    assert.deepEqual(valuesOf(pushed.tags, 'Pushed-For'), [])
  })

  test('M38 it ends when it is asked to', async () => {
    const { status, text } = await monitor(net, process, 'DELETE')
    assert.equal(status, 200)
    assert.equal(text, 'Process deleted')
    assertRefused(await monitor(net, process, 'DELETE'), /Process monitor not found/)
    // What had been seen before still arrives; then nothing more does, while the process goes on.
    const newest = Number((await getJson(`${net.su}/timestamp`)).timestamp) + 2000
    await eventually('the process ticks on', async () =>
      (await cronPage(process, 'limit=1000')).edges.some(({ cursor }) => decoded(cursor).timestamp > newest))
    assert.ok((await timesTold(net, target, process)).every((time) => time < newest))
  })

  test('what is no item, or has no process, is refused', async () => {
    const url = `${net.mu}/monitor/${process}`
    assertRefused(await request(url, { method: 'POST', headers: octets, body: 'x' }), /valid and signed data item/)
    const { raw } = await signItem({ data: ' ' })
    assertRefused(await request(url, { method: 'POST', headers: octets, body: raw }), /target/)
    assertRefused(await monitor(net, unknownId), /was not found/)
    assertRefused(await monitor(net, unknownId, 'DELETE'), /Process monitor not found/)
  })
})

describe('restarts', () => {
  test('M40 a monitor goes on after a power cut, each cron result once', async () => {
    const data = temporaryFolder()
    let own = await startNetwork({ data })
    const target = await spawnProbe(own)
    const process = await spawnTeller(own, target)
    await startMonitor(own, process)
    for (let round = 1; round <= 3; round++) {
      const count = (await timesTold(own, target, process)).length
      await eventually('a tick was told', async () => (await timesTold(own, target, process)).length > count)
      await own.kill()
      own = await startNetwork({ data })
    }
    const count = (await timesTold(own, target, process)).length
    const times = await eventually('more ticks were told', async () => {
      const times = await timesTold(own, target, process)
      return times.length >= count + 2 && times
    })
    const sorted = [...times].sort((a, b) => a - b)
    assert.equal(new Set(times).size, times.length)
    // Nothing was passed over, the time when nobody ran included.
    assert.deepEqual(sorted, sorted.map((_, i) => sorted[0] + 1000 * i))
    assertRefused(await monitor(own, process), /already being monitored/)
    await own.stop()
  })

  test('results that were lost are evaluated again, the same, with other questions', async () => {
    const data = temporaryFolder()
    let own = await startNetwork({ data })
    const process = await spawnProbe(own, {
      tags: [...every('1-second', tag('Cron-Tag-Action', 'A')), ...every('2-blocks', tag('Cron-Tag-Action', 'B'))],
    })
    for (let i = 0; i < 3; i++) {
      await cronPage(process, '', own)
      await sendMessage(own, process, { data: `message ${i}` })
      await getJson(`${own.ar}/mine/3`)
      const { length } = (await cronPage(process, 'limit=1000', own)).edges
      await eventually('something fired', async () => (await cronPage(process, 'limit=1000', own)).edges.length > length)
    }
    const last = await sendMessage(own, process)
    await resultOf(own, process, last)
    const results = async () => (await request(`${own.cu}/results/${process}?limit=1000`)).text
    const before = await results()
    await own.stop()
    const lost = readdirSync(data).filter((name) => name.startsWith('cu.db'))
    assert.ok(lost.length)
    lost.forEach((name) => rmSync(join(data, name)))
    assert.equal(existsSync(join(data, 'cu.db')), false)
    own = await startNetwork({ data })
    await resultOf(own, process, last)
    assert.equal(await results(), before)
    await own.stop()
  })
})
