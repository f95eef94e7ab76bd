// Conformance of the compute unit: results, what a process is given, pages, dry runs. Statements
// U1-U19, U22-U33, U40-U46, U48, U53-U56; cron has a file of its own. What touches the module runs for both pointer sizes.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertRefused, eventually, getJson, network, postItem, request, startNetwork } from './support/network.mjs'
import {
  answer, arrival, assignmentTag, dryRun, emit, entry, evaluate, given, outputOf, peek, printed, processTags,
  resultOf, schedule, sendMessage, spawnProbe, spawnProcess, tag, testWallet, uploadModule, valueOf,
} from './support/aos.mjs'
import { addressOf, signItem, unknownId } from './support/items.mjs'
import { moduleOf } from './support/modules.mjs'

const owner = addressOf(testWallet)
const decoded = (cursor) => JSON.parse(Buffer.from(cursor, 'base64').toString())
let net

before(async () => { net = await network() })
after(() => net?.stop())

const pageOf = (process, query = '') => getJson(`${net.cu}/results/${process}${query && `?${query}`}`)

// Make an older message and a newer one, and evaluate only the newer one.
async function counter(options) {
  const process = await spawnProcess(net, options)
  await printed(net, process, 'Count = 0')
  return process
}
const increment = (process) =>
  sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: 'Count = Count + 1; return Count' })

test('U1 GET / gives address and time', async () => {
  const { address, timestamp } = await getJson(`${net.cu}/`)
  assert.match(address, /^[A-Za-z0-9_-]{43}$/)
  assert.equal(typeof timestamp, 'number')
})

for (const [abi, module] of [['64', () => net.module64], ['32', () => net.module32]]) {
  describe(`results, ${abi}-bit aos`, () => {
    let process
    before(async () => { process = await counter({ module: module() }) })

    test('U2 a result waits for its evaluation', async () => {
      const result = await resultOf(net, process, await increment(process))
      for (const list of ['Messages', 'Spawns', 'Assignments']) assert.deepEqual(result[list], [])
      assert.match(outputOf(result), /^\d+$/)
    })

    test('U3 the same request, the same bytes', async () => {
      const url = `${net.cu}/result/${await increment(process)}?process-id=${process}`
      const first = await request(url)
      assert.deepEqual((await request(url)).bytes, first.bytes)
    })

    test('U4 the process id asks for the boot evaluation', async () => {
      const result = await resultOf(net, process, process)
      assert.equal(result.Error, undefined)
      assert.deepEqual(result.Messages, [])
    })

    test('U8 a Lua error is in Error, and the state is as before', async () => {
      const before = await peek(net, process, 'return Count', owner)
      const failed = await evaluate(net, process, 'Count = 1000; error("no luck")')
      assert.match(failed.Error, /no luck/)
      assert.equal(await peek(net, process, 'return Count', owner), before)
      const syntax = await evaluate(net, process, 'x = = 1')
      assert.match(syntax.Error, /unexpected symbol/)
    })

    test('U9 U10 a newer message evaluates the older ones first, in order, and theirs is kept', async () => {
      const process = await counter({ module: module() })
      const ids = []
      for (let i = 0; i < 5; i++) ids.push(await increment(process))
      assert.equal(outputOf(await resultOf(net, process, ids[4])), '5')
      assert.equal(outputOf(await resultOf(net, process, ids[1])), '2')
      assert.equal(outputOf(await resultOf(net, process, ids[0])), '1')
    })

    test('U54 a nonce will do instead of an id', async () => {
      const process = await counter({ module: module() })
      await increment(process)
      assert.equal(outputOf(await resultOf(net, process, '2')), '1')
      const posted = await request(`${net.cu}/result/2?process-id=${process}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"edges":[]}' })
      assert.deepEqual(posted.json, await resultOf(net, process, '2'))
      assertRefused(await request(`${net.cu}/result/3?process-id=${process}`))
    })

    test('U48 fifty requests at once, each message evaluated once', async () => {
      const process = await counter({ module: module() })
      const ids = []
      for (let i = 0; i < 10; i++) ids.push(await increment(process))
      const asked = Array.from({ length: 50 }, (_, i) => i % 10)
      const results = await Promise.all(asked.map((i) => resultOf(net, process, ids[i])))
      results.forEach((result, i) => assert.equal(outputOf(result), String(asked[i] + 1)))
      assert.equal(await peek(net, process, 'return Count', owner), '10')
    })
  })

  describe(`what a process is given, ${abi}-bit aos`, () => {
    let probe
    before(async () => { probe = await spawnProbe(net, { module: module() }) })

    test('U12 U18 the fields of a message, their types and their order', async () => {
      const tags = [tag('Action', 'Look'), tag('Zebra', '1')]
      const id = await sendMessage(net, probe, { tags, data: 'a "b"\n\u{1F680}', anchor: 'a'.repeat(32) })
      const { message, messageText } = await given(net, probe, id)
      const node = await getJson(`${net.su}/${id}?process-id=${probe}`)
      const number = (name) => Number(assignmentTag(node, name))
      assert.equal(messageText, JSON.stringify({
        Id: id,
        Signature: node.message.signature,
        Data: 'a "b"\n\u{1F680}',
        Owner: owner,
        Target: probe,
        Anchor: 'a'.repeat(32),
        From: owner,
        Tags: node.message.tags,
        Epoch: 0,
        Nonce: number('Nonce'),
        Timestamp: number('Timestamp'),
        'Block-Height': number('Block-Height'),
        'Hash-Chain': assignmentTag(node, 'Hash-Chain'),
        Cron: false,
        'Read-Only': false,
      }))
      for (const field of ['Epoch', 'Nonce', 'Timestamp', 'Block-Height']) assert.ok(Number.isInteger(message[field]))
    })

    test('U13 U15 From is From-Process if there is one; tags named From and Owner are not seen', async () => {
      const claimed = await sendMessage(net, probe, { tags: [tag('From-Process', unknownId), tag('From', 'x'), tag('Owner', 'y'), tag('A', 'b')] })
      const { message } = await given(net, probe, claimed)
      assert.equal(message.From, unknownId)
      assert.equal(message.Owner, owner)
      assert.equal(message['Forwarded-By'], owner)
      assert.deepEqual(message.Tags.map(({ name }) => name), ['From-Process', 'A', 'Data-Protocol', 'Variant', 'Type'])
      const plain = (await given(net, probe, await sendMessage(net, probe))).message
      assert.equal(plain.From, owner)
      assert.equal('Forwarded-By' in plain, false)
    })

    test('U5 U14 an assigned message: Target is what it was sent to', async () => {
      const other = await spawnProcess(net, { module: module() })
      const message = await sendMessage(net, other, { data: 'assigned' })
      const { json } = await request(`${net.mu}/?process-id=${probe}&assign=${message}`, { method: 'POST' })
      const seen = await given(net, probe, json.id)
      assert.equal(seen.message.Id, message)
      assert.equal(seen.message.Target, other)
      assert.equal(seen.message.Data, 'assigned')
      assert.equal(seen.message.Owner, owner)
      assert.equal((await given(net, probe, await sendMessage(net, probe))).message.Target, probe)
    })

    test('U16 the environment', async () => {
      const { env } = await given(net, probe, await sendMessage(net, probe))
      assert.deepEqual(Object.keys(env), ['Process', 'Module'])
      assert.deepEqual(Object.keys(env.Process), ['Id', 'Owner', 'Tags'])
      assert.deepEqual(env.Process, { Id: probe, Owner: owner, Tags: processTags(net, { module: module() }) })
      assert.deepEqual(Object.keys(env.Module), ['Id', 'Owner', 'Tags'])
      assert.equal(env.Module.Id, module())
      assert.equal(valueOf(env.Module.Tags, 'Type'), 'Module')
    })

    test('U17 a process that a process spawned is the MU\'s', async () => {
      await emit(net, probe, { Spawns: [{ Anchor: '1'.repeat(32), Data: ' ', Tags: [tag('Module', module()), tag('Authority', net.authority)] }] })
      const { message } = await arrival(net, probe, ({ tags }) => valueOf(tags, 'Action') === 'Spawned')
      const child = valueOf(message.tags, 'Process')
      // To aos, which looks at From-Process, the owner is the parent.
      assert.equal(await peek(net, child, 'return ao.env.Process.Owner', probe), net.authority)
    })

    test('U19 Cron and Read-Only', async () => {
      const { message } = await given(net, probe, await sendMessage(net, probe))
      assert.equal(message.Cron, false)
      assert.equal(message['Read-Only'], false)
      const { json } = await dryRun(net, probe, { Owner: owner, Tags: [], Data: 'x' })
      const dry = JSON.parse(json.Output.message)
      assert.equal(dry.Cron, false)
      assert.equal(dry['Read-Only'], true)
      assert.equal(dry.Target, probe)
      assert.equal('Nonce' in dry, false)
    })

    test('U55 an Output that is a number becomes text', async () => {
      const id = await sendMessage(net, probe, { data: answer({ Output: 42, Messages: [], Spawns: [], Assignments: [] }) })
      assert.equal((await resultOf(net, probe, id)).Output, '42')
    })

    test('U56 what the process left out is [], Memory never appears', async () => {
      const id = await sendMessage(net, probe, { data: answer({ Output: 'x', Memory: 'secret', Patches: [1] }) })
      const { text, json } = await request(`${net.cu}/result/${id}?process-id=${probe}`)
      assert.deepEqual({ ...json, GasUsed: undefined },
        { Messages: [], Assignments: [], Spawns: [], Output: 'x', GasUsed: undefined })
      assert.doesNotMatch(text, /Memory|Patches/)
    })

    test('H19 what was to be sent is kept beside an Error', async () => {
      const id = await sendMessage(net, probe, { data: answer({ Error: 'half done', Output: 'o', Messages: [entry(unknownId)] }) })
      const { Error, Messages } = await resultOf(net, probe, id)
      assert.equal(Error, 'half done')
      assert.deepEqual(Messages.map(({ Target }) => Target), [unknownId])
    })

    test('outbox entries pass as they were emitted', async () => {
      const odd = { ...entry(unknownId, { tags: [tag('N', 5), tag('S', 's')] }), Extra: { deep: [1, null, true, 1.5] } }
      const id = await sendMessage(net, probe, { data: answer({ Output: '', Messages: [odd] }) })
      assert.deepEqual((await resultOf(net, probe, id)).Messages, [odd])
    })
  })

  describe(`dry runs, ${abi}-bit aos`, () => {
    let process
    before(async () => { process = await counter({ module: module() }) })
    const count = { Owner: owner, Tags: [tag('Action', 'Eval')], Data: 'Count = Count + 1; return Count' }

    test('U40 a dry run has the shape of a result and leaves nothing behind', async () => {
      const { status, json } = await dryRun(net, process, count)
      assert.equal(status, 200)
      for (const list of ['Messages', 'Spawns', 'Assignments']) assert.deepEqual(json[list], [])
      for (let i = 0; i < 3; i++) assert.equal(outputOf((await dryRun(net, process, count)).json), outputOf(json))
      const { length } = (await pageOf(process, 'limit=100')).edges
      await dryRun(net, process, count)
      assert.equal((await pageOf(process, 'limit=100')).edges.length, length)
      assert.equal((await schedule(net, process)).length, length)
    })

    test('U41 its Owner is who it comes from', async () => {
      const stranger = await dryRun(net, process, { ...count, Owner: unknownId })
      assert.notEqual(outputOf(stranger.json), '1')
      assert.equal(await peek(net, process, 'return ao.env.Process.Owner == Owner', owner), 'true')
    })

    test('U42 it sees the message before it', async () => {
      for (let i = 1; i <= 5; i++) {
        await sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: `Seen = ${i}` })
        assert.equal(await peek(net, process, 'return Seen', owner), String(i))
      }
    })

    test('U43 it works on a process without messages', async () => {
      assert.equal(await peek(net, await spawnProcess(net, { module: module() }), 'return 2 ^ 10', owner), '1024.0')
    })

    test('U44 it can look at the state after an older message', async () => {
      const process = await counter({ module: module() })
      const ids = []
      for (let i = 0; i < 3; i++) ids.push(await increment(process))
      await resultOf(net, process, ids[2])
      const { status, json } = await dryRun(net, process, { ...count, Data: 'return Count' }, `&to=${ids[0]}`)
      assert.equal(status, 200)
      assert.equal(outputOf(json), '1')
      assert.equal(await peek(net, process, 'return Count', owner), '3')
    })

    test('U45 without Owner or Tags it is refused', async () => {
      assertRefused(await dryRun(net, process, { Tags: [] }))
      assertRefused(await dryRun(net, process, { Owner: owner }))
      assertRefused(await dryRun(net, process, 'no object'))
      assertRefused(await request(`${net.cu}/dry-run?process-id=${process}`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"Owner":',
      }))
    })

    test('U46 the memory as bytes', async () => {
      const { status, headers, bytes } = await request(`${net.cu}/state/${process}`)
      assert.equal(status, 200)
      assert.match(headers.get('content-type'), /application\/octet-stream/)
      assert.equal(bytes.length % 65536, 0)
      assert.ok(bytes.length >= 1088 * 65536, String(bytes.length))
      assert.ok(bytes.includes('Count'))
    })
  })
}

describe('assignments', () => {
  let probe, message
  before(async () => {
    probe = await spawnProbe(net)
    message = await sendMessage(net, await spawnProcess(net), { data: 'assigned', tags: [tag('Colour', 'blue')] })
  })
  const assign = (query) => request(`${net.su}/?process-id=${probe}&assign=${message}${query}`, { method: 'POST' })

  test('U22 the same message assigned twice does not come twice', async () => {
    const first = await assign('')
    assert.equal(first.status, 200, first.text)
    assert.equal((await given(net, probe, first.json.id)).message.Data, 'assigned')
    const second = await assign('')
    if (second.status === 200) {
      const { Messages, Spawns, Assignments } = await resultOf(net, probe, second.json.id)
      assert.deepEqual([Messages, Spawns, Assignments], [[], [], []])
    } else {
      assertRefused(second)
    }
  })

  for (const [fields, query] of [[['Data'], 'Data'], [['Data', 'Tags'], 'Data,Tags']]) {
    test(`U23 exclude=${query} leaves that out`, async () => {
      const other = await spawnProbe(net)
      const { status, json, text } = await request(
        `${net.su}/?process-id=${other}&assign=${message}&exclude=${query}`, { method: 'POST' })
      assert.equal(status, 200, text)
      const seen = (await given(net, other, json.id)).message
      for (const field of fields) assert.ok(!seen[field]?.length, JSON.stringify(seen))
      assert.equal(seen.Id, message)
    })
  }
})

describe('what a module must say', () => {
  const said = {
    'Data-Protocol': 'ao',
    Type: 'Module',
    'Module-Format': 'wasm64-unknown-emscripten-draft_2024_02_15',
    'Input-Encoding': 'JSON-1',
    'Output-Encoding': 'JSON-1',
    'Memory-Limit': '1-gb',
    'Compute-Limit': '9000000000000',
  }
  const boot = async (changes, processTagsToo = []) => {
    const tags = Object.entries({ ...said, ...changes }).filter(([, value]) => value !== null).map(([name, value]) => tag(name, value))
    const { id: module, raw } = await signItem({ tags, data: 'not looked at' })
    const upload = await postItem(`${net.bundler}/tx`, raw)
    assert.equal(upload.status, 200, upload.text)
    const process = await spawnProcess(net, { module, tags: processTagsToo })
    return request(`${net.cu}/result/${process}?process-id=${process}`)
  }

  for (const [what, changes, status, pattern] of [
    ['H2 a known Module-Format', { 'Module-Format': 'wasm128-unknown' }, 422, /Module-Format/],
    ['H2 a Module-Format at all', { 'Module-Format': null }, 422, /Module-Format/],
    ['an Input-Encoding', { 'Input-Encoding': null }, 422, /Input-Encoding/],
    ['an Output-Encoding', { 'Output-Encoding': null }, 422, /Output-Encoding/],
    ['a Memory-Limit', { 'Memory-Limit': null }, 413, /Memory-Limit/],
    ['a Memory-Limit that is not too much', { 'Memory-Limit': '999-gb' }, 413, /Memory-Limit/],
    ['a Compute-Limit', { 'Compute-Limit': null }, 413, /Compute-Limit/],
    ['a Compute-Limit that is not too much', { 'Compute-Limit': '99000000000000000' }, 413, /Compute-Limit/],
    ['extensions that are known', { Extension: 'Teleport' }, 422, /Extension/],
  ]) {
    test(`U24 ${what}`, async () => {
      const refusal = await boot(changes)
      assert.equal(refusal.status, status, refusal.text)
      assertRefused(refusal, pattern)
    })
  }

  test('H1 H55 what it asks of its host, or of the meter, in vain is named with it', async () => {
    const imports = '(import "env" "clock_time_get" (func (param i32)))'
    const metering = 'wasm64-unknown-emscripten-draft_2024_10_16-metering'
    const vectors = '(func (drop (v128.const i32x4 0 0 0 0)))'
    for (const [format, parts, pattern] of [
      [said['Module-Format'], { imports }, /: the module imports env\.clock_time_get, which /],
      [metering, { more: vectors }, /: v128\.const has no price: modules with it cannot be metered$/],
    ]) {
      const module = await uploadModule(net, format, moduleOf(format, parts))
      const process = await spawnProcess(net, { module })
      const refusal = await request(`${net.cu}/result/${process}?process-id=${process}`)
      assert.equal(refusal.status, 422, refusal.text)
      assertRefused(refusal, pattern)
      assert.equal(refusal.json.error.split(module).length, 2, refusal.text)
    }
  })

  test('H3 white space around the Module-Format does not count', async () => {
    const module = await uploadModule(net, ` ${said['Module-Format']}\n`, moduleOf(said['Module-Format']))
    const process = await spawnProcess(net, { module })
    assert.equal((await resultOf(net, process, process)).Output, 'smallest')
  })

  test('U25 H45 what the process says counts more', async () => {
    const modest = await boot({ 'Memory-Limit': '999-gb' }, [tag('Memory-Limit', '1-gb')])
    assert.doesNotMatch(modest.text, /Memory-Limit/)
    const greedy = await boot({}, [tag('Memory-Limit', '999-gb')])
    assert.equal(greedy.status, 413, greedy.text)
  })
})

test('U49 a long evaluation does not hold up other processes', async () => {
  const [slow, quick] = [await spawnProcess(net), await spawnProcess(net)]
  await printed(net, slow, 'return 1')
  await printed(net, quick, 'return 1')
  let finished = false
  const long = evaluate(net, slow, 'local x = 0 for i = 1, 3e8 do x = x + i end return "done"').then((result) => {
    finished = true
    return result
  })
  for (let i = 0; i < 3; i++) await printed(net, quick, `return ${i}`)
  assert.equal(finished, false)
  assert.equal(outputOf(await long), 'done')
})

describe('with --busy-ms', () => {
  let patient, process
  before(async () => {
    patient = net
    net = await startNetwork({ args: ['--busy-ms', '100'] })
    process = await spawnProcess(net)
    await eventually('the module is compiled', async () =>
      (await request(`${net.cu}/result/${process}?process-id=${process}`)).status === 200)
  })
  after(async () => {
    await net?.stop()
    net = patient
  })

  const long = () => sendMessage(net, process, {
    tags: [tag('Action', 'Eval')], data: 'local x = 0 for i = 1, 3e7 do x = x + i end return "done"',
  })

  test('U53 who waits too long is told so, and finds the result later', async () => {
    const id = await long()
    const url = `${net.cu}/result/${id}?process-id=${process}`
    const { status, json, headers } = await request(url)
    assert.equal(status, 202)
    assert.deepEqual(json, { message: `Evaluation of process "${process}" to "${id}" is in progress.` })
    assert.match(headers.get('content-type'), /^application\/json; charset=utf-8$/)
    const result = await eventually('the result', async () => {
      const answer = await request(url)
      return answer.status === 200 && answer.json
    })
    assert.equal(outputOf(result), 'done')
  })

  test('U53 with no-busy the answer is the result', async () => {
    const { status, json } = await request(`${net.cu}/result/${await long()}?process-id=${process}&no-busy=1`)
    assert.equal(status, 200)
    assert.equal(outputOf(json), 'done')
  })

  test('U53 the state and dry runs, too, are in progress', async () => {
    await long()
    const told = { message: `Evaluation of process "${process}" to "latest" is in progress.` }
    for (const [path, options] of [
      [`/state/${process}`],
      [`/dry-run?process-id=${process}`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"Owner":"x","Tags":[]}',
      }],
    ]) {
      const { status, json } = await request(net.cu + path, options)
      assert.equal(status, 202, path)
      assert.deepEqual(json, told)
    }
  })
})

describe('refusals', () => {
  test('U6 without process-id', async () => {
    assertRefused(await request(`${net.cu}/result/${unknownId}`))
    assertRefused(await request(`${net.cu}/dry-run`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"Owner":"x","Tags":[]}',
    }))
  })

  test('U7 an unknown message or process, quickly', async () => {
    const process = await spawnProcess(net)
    for (const path of [`${unknownId}?process-id=${process}`, `${unknownId}?process-id=${unknownId}`]) {
      assertRefused(await request(`${net.cu}/result/${path}`, { timeout_ms: 5000 }))
    }
  })
})

describe('pages of results', () => {
  let process, ids
  before(async () => {
    process = await counter()
    ids = []
    for (let i = 0; i < 30; i++) ids.push(await increment(process))
    await resultOf(net, process, ids.at(-1))
  })
  // Nonces 0 (boot), 1 (Count = 0), 2 ... 31 (the increments).
  const ordinates = ({ edges }) => edges.map(({ cursor }) => Number(decoded(cursor).ordinate))
  const range = (from, to) => Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => from + Math.sign(to - from) * i)

  test('U26 nodes and cursors', async () => {
    const { edges } = await pageOf(process, 'limit=3')
    const nodes = await schedule(net, process)
    edges.forEach(({ node, cursor }, i) => {
      for (const list of ['Messages', 'Assignments', 'Spawns']) assert.deepEqual(node[list], [])
      assert.ok('Output' in node)
      assert.equal(Buffer.from(cursor, 'base64').toString(), JSON.stringify({
        timestamp: Number(assignmentTag(nodes[i], 'Timestamp')), ordinate: String(i), cron: null, sort: 'ASC',
      }))
    })
  })

  test('U27 ascending and 25 unless told otherwise, hasNextPage says whether there is more', async () => {
    const page = await pageOf(process)
    assert.deepEqual(ordinates(page), range(0, 24))
    assert.equal(page.pageInfo.hasNextPage, true)
    assert.equal((await pageOf(process, 'limit=31')).pageInfo.hasNextPage, true)
    assert.equal((await pageOf(process, 'limit=32')).pageInfo.hasNextPage, false)
  })

  test('U28 following the cursors visits every evaluation once', async () => {
    const visited = []
    for (let from = ''; ;) {
      const page = await pageOf(process, `limit=7${from}`)
      visited.push(...ordinates(page))
      if (!page.pageInfo.hasNextPage) break
      from = `&from=${encodeURIComponent(page.edges.at(-1).cursor)}`
    }
    assert.deepEqual(visited, range(0, 31))
  })

  test('U29 the newest first', async () => {
    const { edges } = await pageOf(process, 'sort=DESC&limit=1')
    assert.deepEqual(ordinates({ edges }), [31])
    assert.equal(outputOf(edges[0].node), '30')
    assert.deepEqual(ordinates(await pageOf(process, 'sort=DESC&limit=4')), range(31, 28))
  })

  test('U30 from is exclusive and to inclusive in both directions, as cursor or as time', async () => {
    const { edges } = await pageOf(process, 'limit=100')
    const [from, to] = [edges[4].cursor, edges[8].cursor]
    const [fromTime, toTime] = [from, to].map((cursor) => decoded(cursor).timestamp)
    for (const [a, b] of [[from, to].map(encodeURIComponent), [fromTime, toTime]]) {
      assert.deepEqual(ordinates(await pageOf(process, `from=${a}&to=${b}`)), range(5, 8))
    }
    assert.deepEqual(ordinates(await pageOf(process, `from=${fromTime}&to=${toTime}&sort=DESC`)), range(8, 5))
    assert.deepEqual(ordinates(await pageOf(process, `sort=DESC&from=${fromTime}&limit=2`)), [31, 30])
  })

  test('U31 evaluations that failed are left out', async () => {
    const failed = await evaluate(net, process, 'error("not listed")')
    assert.match(failed.Error, /not listed/)
    const next = await increment(process)
    await resultOf(net, process, next)
    assert.deepEqual(ordinates(await pageOf(process, 'limit=100')), [...range(0, 31), 33])
  })

  test('U32 an unknown process has no results', async () => {
    const { pageInfo, edges } = await pageOf(unknownId)
    assert.deepEqual({ pageInfo, edges }, { pageInfo: { hasNextPage: false }, edges: [] })
  })

  test('U33 the sort in a cursor overrides the query', async () => {
    const { edges } = await pageOf(process, 'sort=DESC&limit=100')
    const old = edges.find(({ cursor }) => decoded(cursor).ordinate === '28')
    assert.equal(decoded(old.cursor).sort, 'DESC')
    const page = await pageOf(process, `sort=ASC&limit=2&from=${encodeURIComponent(old.cursor)}`)
    assert.equal(ordinates(page)[0] > ordinates(page)[1], true)
  })

  test('results are there without anyone asking for them', async () => {
    const process = await spawnProcess(net)
    await sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: 'return 1' })
    await eventually('the message is evaluated', async () => (await pageOf(process)).edges.length === 2)
  })
})
