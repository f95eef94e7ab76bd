// Conformance of the messenger: what it accepts, and what it makes of an outbox. Statements M1-M30,
// M34-M36 and M42-M45; cron and restarts stand in files of their own.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertRefused, eventually, getJson, network, postItem, query, request, startNetwork } from './support/network.mjs'
import {
  answer, arrival, assignmentTag, emit, entry, evaluate, given, messageTags, peek, printed, processTags,
  resultOf, schedule, sendMessage, spawnProbe, spawnProcess, tag, testWallet, valueOf,
} from './support/aos.mjs'
import { addressOf, namesOf, signItem, unknownId, valuesOf } from './support/items.mjs'

let net, target

before(async () => {
  net = await network()
  target = await spawnProbe(net)
})
after(() => net?.stop())

const postedTo = async (item) => postItem(net.mu, (await signItem(item)).raw)
const pushedFrom = (process) => ({ tags }) => valueOf(tags, 'From-Process') === process
const arrivalFrom = (process, at = target) => arrival(net, at, pushedFrom(process), `a message from ${process}`)

describe('accepting', () => {
  test('M1 GET / says what it is', async () => {
    const { status, text } = await request(`${net.mu}/`)
    assert.equal(status, 200)
    assert.equal(text, 'ao messenger unit')
  })

  test('M2 a message: 202 with its id', async () => {
    const { id, raw } = await signItem({ target, tags: messageTags() })
    const { status, json } = await postItem(net.mu, raw)
    assert.equal(status, 202)
    assert.deepEqual(json, { message: 'Processing DataItem', id })
  })

  test('M3 a process: 202, and the SU knows it at once', async () => {
    const { id, raw } = await signItem({ tags: processTags(net) })
    const { status, json } = await postItem(net.mu, raw)
    assert.equal(status, 202)
    assert.equal(json.id, id)
    assert.equal((await getJson(`${net.su}/processes/${id}`)).process_id, id)
  })

  test('M4 an accepted message is at once readable from the SU', async () => {
    const id = await sendMessage(net, target)
    assert.equal((await getJson(`${net.su}/${id}?process-id=${target}`)).message.id, id)
  })

  test('M5 an invalid signature is refused with the known text', async () => {
    const { raw } = await signItem({ target, tags: messageTags() })
    raw[100] ^= 1
    assertRefused(await postItem(net.mu, raw), /A valid and signed data item must be provided as the body/)
  })

  test('M6 bodies that are no item are refused, and the unit goes on', async () => {
    const { raw } = await signItem({ target, tags: messageTags() })
    const bodies = ['', 'x', Buffer.alloc(80), Buffer.alloc(2000, 0xff), raw.subarray(0, 600), raw.subarray(0, 1046)]
    for (const body of bodies) assertRefused(await postItem(net.mu, body))
    assertRefused(await request(net.mu, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }))
    assert.equal((await request(net.mu)).status, 200)
  })

  test('M7 without Data-Protocol ao: refused', async () => {
    for (const tags of [[tag('Type', 'Message')], [tag('Data-Protocol', 'xx'), tag('Type', 'Message')]]) {
      assertRefused(await postedTo({ target, tags }), /Tag 'Data-Protocol': must contain 'ao'/)
    }
  })

  test('M8 without a Type that is Process or Message: refused', async () => {
    for (const types of [[], [tag('Type', 'Module')]]) {
      assertRefused(await postedTo({ target, tags: [tag('Data-Protocol', 'ao'), ...types] }),
        /must be either 'Process' or 'Message'/)
    }
  })

  test('M9 with both Types the first decides', async () => {
    const { id, raw } = await signItem({ target, tags: [tag('Type', 'Message'), ...processTags(net)] })
    assert.equal((await postItem(net.mu, raw)).status, 202)
    assert.equal((await getJson(`${net.su}/${id}?process-id=${target}`)).message.target, target)
    assert.ok((await request(`${net.su}/processes/${id}`)).status >= 400, 'it became a process')
  })

  test('M10 a process without Scheduler is refused', async () => {
    const tags = processTags(net).filter(({ name }) => name !== 'Scheduler')
    assertRefused(await postedTo({ tags }), /No Scheduler tag found/)
  })

  test('M11 a message to an unknown process is refused and not stored', async () => {
    const { id, raw } = await signItem({ target: unknownId, tags: messageTags() })
    assertRefused(await postItem(net.mu, raw))
    assertRefused(await request(`${net.su}/${id}?process-id=${unknownId}`))
  })

  test('M12 the SU stores the bytes that were posted', async () => {
    const anchor = '0123456789abcdef0123456789abcdef'
    const { id, raw } = await signItem({ target, anchor, tags: messageTags(tag('Odd', ' ')), data: 'Grüße, 世界' })
    await postItem(net.mu, raw)
    const { message } = await getJson(`${net.su}/${id}?process-id=${target}`)
    assert.equal(message.signature, raw.subarray(2, 514).toString('base64url'))
    assert.equal(message.owner.key, testWallet.n)
    assert.equal(message.owner.address, addressOf(testWallet))
    assert.equal(message.data, 'Grüße, 世界')
    assert.equal(message.anchor, anchor)
    assert.equal(message.target, target)
    assert.deepEqual(message.tags, messageTags(tag('Odd', ' ')))
  })

  test('M13 an assignment: 202, and its id is known to SU and CU', async () => {
    const other = await spawnProbe(net)
    const message = await sendMessage(net, other, { data: 'look' })
    const { status, json } = await request(`${net.mu}/?process-id=${target}&assign=${message}`, { method: 'POST' })
    assert.equal(status, 202)
    assert.equal(json.message, 'Processing Assignment')
    const node = await getJson(`${net.su}/${json.id}?process-id=${target}`)
    assert.equal(node.assignment.id, json.id)
    assert.equal(assignmentTag(node, 'Message'), message)
    assert.equal((await given(net, target, json.id)).message.Id, message)
  })

  test('M14 only one of process-id and assign: 400', async () => {
    for (const parameter of [`process-id=${target}`, `assign=${target}`]) {
      const refusal = await request(`${net.mu}/?${parameter}`, { method: 'POST' })
      assert.equal(refusal.status, 400)
      assertRefused(refusal, /You must set both process-id and assign/)
    }
  })

  test('M15 base-layer and exclude are forwarded', async () => {
    const transaction = net.module64
    const { number_of_confirmations: confirmations } = await getJson(`${net.ar}/tx/${transaction}/status`)
    if (confirmations < 20) await request(`${net.ar}/mine/${20 - confirmations}`)
    const process = await spawnProbe(net)
    const assign = (query) => request(`${net.mu}/?process-id=${process}&assign=${query}`, { method: 'POST' })
    const message = await sendMessage(net, target, { data: 'no transaction of the base layer' })
    assertRefused(await assign(`${message}&base-layer`))
    const { status, json } = await assign(`${transaction}&base-layer&exclude=Data,Tags`)
    assert.equal(status, 202, JSON.stringify(json))
    const { assignment } = await getJson(`${net.su}/${json.id}?process-id=${process}`)
    assert.equal(valueOf(assignment.tags, 'Message'), transaction)
    assert.deepEqual(valuesOf(assignment.tags, 'Exclude'), ['Data', 'Tags'])
  })

  test('M35 a process item with a target is assigned to that target', async () => {
    const { id, raw } = await signItem({ target, tags: processTags(net), data: 'look at me' })
    assert.equal((await postItem(net.mu, raw)).status, 202)
    await eventually('the assignment', async () =>
      (await schedule(net, target)).find((node) => !node.message && assignmentTag(node, 'Message') === id))
  })

  test('M43 /push: a number that is none is refused, and so is everything unless it is enabled', async () => {
    const push = (number) => request(`${net.mu}/push/${unknownId}/${number}?process-id=${target}`, { method: 'POST' })
    const refusal = await push('first')
    assert.equal(refusal.status, 400)
    assertRefused(refusal, /'number' parameter must be a valid number/)
    assertRefused(await push('0'))
  })

  test('M45 data of any bytes is stored as it was posted', async () => {
    const data = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256))
    const id = await sendMessage(net, target, { data })
    const bytes = await eventually('the gateway has it', async () => {
      const { status, bytes } = await request(`${net.ar}/raw/${id}`)
      return status === 200 && bytes
    })
    assert.deepEqual(bytes, data)
  })
})

describe('pushing messages', () => {
  test('M16 a message from P to Q arrives with From P, and the MU as Owner and Forwarded-By', async () => {
    const sender = await spawnProbe(net)
    await emit(net, sender, { Messages: [entry(target)] })
    const { message: pushed } = await arrivalFrom(sender)
    const { message } = await given(net, target, pushed.id)
    assert.equal(message.From, sender)
    assert.equal(message.Owner, net.authority)
    assert.equal(message['Forwarded-By'], net.authority)
  })

  test('M17 the entry\'s tags come first, then those of the MU', async () => {
    const sender = await spawnProbe(net)
    const id = await emit(net, sender, { Messages: [entry(target, { tags: [tag('B', '2'), tag('A', '1')] })] })
    const { message } = await arrivalFrom(sender)
    assert.deepEqual(message.tags, [
      tag('B', '2'), tag('A', '1'), tag('Data-Protocol', 'ao'), tag('Type', 'Message'), tag('Variant', 'ao.TN.1'),
      tag('From-Process', sender), tag('From-Module', net.module64), tag('Pushed-For', id),
    ])
  })

  test('M18 M19 an entry cannot set what the MU says, nor claim another sender', async () => {
    const sender = await spawnProbe(net)
    const forged = ['Data-Protocol', 'Type', 'Variant', 'From-Process', 'From-Module', 'Assignments']
    await emit(net, sender, { Messages: [entry(target, { tags: [tag('Keep', 'me'), ...forged.map((name) => tag(name, 'forged'))] })] })
    const { message } = await arrivalFrom(sender)
    assert.ok(!message.tags.some(({ value }) => value === 'forged'), JSON.stringify(message.tags))
    assert.deepEqual(namesOf(message.tags),
      ['Keep', 'Data-Protocol', 'Type', 'Variant', 'From-Process', 'From-Module', 'Pushed-For'])
    assert.deepEqual(valuesOf(message.tags, 'From-Process'), [sender])
    assert.deepEqual(valuesOf(message.tags, 'From-Module'), [net.module64])
  })

  test('M20 Pushed-For is the user\'s message through three hops', async () => {
    const [a, b, c] = [await spawnProbe(net), await spawnProbe(net), await spawnProbe(net)]
    const forward = (to, data) => answer({ Output: '', Messages: [entry(to, { data })], Spawns: [], Assignments: [] })
    const id = await emit(net, a, { Messages: [entry(b, { data: forward(c, forward(target, 'the end')) })] })
    for (const [from, at] of [[a, b], [b, c], [c, target]]) {
      const { message } = await arrivalFrom(from, at)
      assert.equal(valueOf(message.tags, 'Pushed-For'), id)
    }
  })

  test('M21 M22 anchor and missing data', async () => {
    const sender = await spawnProbe(net)
    const anchor = 'exactly thirty-two ASCII letters'
    await emit(net, sender, { Messages: [entry(target, { anchor })] })
    const { message } = await arrivalFrom(sender)
    assert.equal(message.anchor, anchor)
    assert.equal(message.data, ' ')
  })

  test('M23 a message to a wallet is uploaded, not scheduled', async () => {
    const sender = await spawnProbe(net)
    const wallet = addressOf(testWallet)
    await emit(net, sender, { Messages: [entry(wallet, { data: 'for you' })] })
    const find = `query($from: [String!]!, $to: [String!]!) {
      transactions(recipients: $to, tags: [{ name: "From-Process", values: $from }]) {
        edges { node { id recipient owner { address } tags { name value } } } } }`
    const node = await eventually('the gateway has it', async () =>
      (await query(net, find, { from: [sender], to: [wallet] })).transactions.edges[0]?.node)
    assert.equal(node.owner.address, net.authority)
    assert.equal((await request(`${net.ar}/raw/${node.id}`)).text, 'for you')
    assertRefused(await request(`${net.su}/${node.id}?process-id=${wallet}`))
  })

  test('M29 an entry with a tag that is no text does not hold up the others', async () => {
    const sender = await spawnProbe(net)
    const bad = { ...entry(target), Tags: [tag('Quantity', 5)] }
    await emit(net, sender, { Messages: [bad, entry(target, { data: 'good' })] })
    const { message } = await arrivalFrom(sender)
    assert.equal(message.data, 'good')
    assert.equal((await schedule(net, target)).filter(({ message }) => message && pushedFrom(sender)(message)).length, 1)
  })

  test('M30 an entry that cannot be delivered does not hold up the others', async () => {
    const sender = await spawnProbe(net)
    const hopeless = [entry('0xnot-an-arweave-address'), { ...entry(target), Anchor: 'short' }]
    await emit(net, sender, { Messages: [...hopeless, entry(target, { data: 'good' })] })
    assert.equal((await arrivalFrom(sender)).message.data, 'good')
  })

  test('M44 what an assignment leads to has no Pushed-For', async () => {
    const assigned = await spawnProbe(net)
    const data = answer({ Output: '', Messages: [entry(target, { data: 'assigned' })], Spawns: [], Assignments: [] })
    const message = await sendMessage(net, target, { data })
    await request(`${net.mu}/?process-id=${assigned}&assign=${message}`, { method: 'POST' })
    const { message: pushed } = await arrivalFrom(assigned)
    assert.equal(pushed.data, 'assigned')
    assert.equal(valueOf(pushed.tags, 'Pushed-For'), undefined)
  })

  test('a message may ask to be assigned to other processes as well', async () => {
    const [sender, witness] = [await spawnProbe(net), await spawnProbe(net)]
    await emit(net, sender, { Messages: [entry(target, { tags: [tag('Assignments', [witness])], data: 'both' })] })
    const { message } = await arrivalFrom(sender)
    assert.ok(!namesOf(message.tags).includes('Assignments'))
    await eventually('the assignment', async () =>
      (await schedule(net, witness)).find((node) => !node.message && assignmentTag(node, 'Message') === message.id))
  })

  test('M42 traces: a message, what led to it and what it led to', async () => {
    const [sender, relay] = [await spawnProbe(net), await spawnProbe(net)]
    const data = answer({ Output: '', Messages: [entry(target, { data: 'end' })], Spawns: [], Assignments: [] })
    const id = await emit(net, sender, { Messages: [entry(relay, { data })] })
    const { message: middle } = await arrivalFrom(sender, relay)
    const { message: last } = await arrivalFrom(relay)
    const trace = (query) => request(`${net.mu}/?debug=1&process=${relay}${query}`)
    const { status, json } = await eventually('the trace is complete', async () => {
      const answer = await trace(`&message=${middle.id}`)
      return answer.json.edges?.length === 3 && answer
    })
    assert.equal(status, 200)
    assert.equal(json.pageInfo.hasNextPage, false)
    const byRelation = Object.fromEntries(json.edges.map(({ node }) => [node.relation, node]))
    assert.equal(byRelation.root.messageId, middle.id)
    assert.equal(byRelation.root.processId, relay)
    assert.equal(byRelation.root.parentId, id)
    assert.equal(byRelation.root.wallet, net.authority)
    assert.equal(byRelation.root.type, 'MESSAGE')
    assert.equal(byRelation.ancestor.messageId, id)
    assert.equal(byRelation.ancestor.wallet, addressOf(testWallet))
    assert.equal(byRelation.ancestor.parentId, null)
    assert.equal(byRelation.descendant.messageId, last.id)
    json.edges.forEach(({ node, cursor }) => assert.equal(cursor, node.id))
    const page = (await trace('&page=1&page-size=1')).json
    assert.equal(page.edges.length, 1)
    assert.equal(page.pageInfo.hasNextPage, true)
    const refusal = await trace(`&message=${id}&spawn=${id}`)
    assert.equal(refusal.status, 422)
    assertRefused(refusal, /Only one of message, assign, or spawn query parameters can be provided/)
    assertRefused(await request(`${net.mu}/?debug=1`))
  })

  test('a message is pushed once, whoever asks for its result and how often', async () => {
    const sender = await spawnProbe(net)
    const id = await emit(net, sender, { Messages: [entry(target)] })
    await arrivalFrom(sender)
    for (let i = 0; i < 5; i++) await resultOf(net, sender, id)
    const last = await emit(net, sender, { Messages: [entry(target, { data: 'last' })] })
    await arrival(net, target, ({ tags, data }) => valueOf(tags, 'Pushed-For') === last && data === 'last')
    assert.equal((await schedule(net, target)).filter(({ message }) => message && pushedFrom(sender)(message)).length, 2)
  })
})

for (const [abi, module] of [['64', () => net.module64], ['32', () => net.module32]]) {
  describe(`spawning and assigning, ${abi}-bit`, () => {
    // What a Spawn entry of aos looks like on the way out.
    const spawnEntry = (parent, tags) => ({
      Anchor: String(Date.now()).padStart(32, '0'),
      Data: 'kid = true',
      Tags: [...tags, tag('Type', 'Process'), tag('From-Process', parent), tag('From-Module', 'a lie'),
        tag('Module', module()), tag('Reference', '77'), tag('Name', 'kid'), tag('Authority', net.authority)],
    })
    let parent, message, spawned, child

    before(async () => {
      parent = await spawnProbe(net, { module: module() })
      message = await emit(net, parent, { Spawns: [spawnEntry(parent, [])] })
      spawned = await arrival(net, parent, ({ tags }) => valueOf(tags, 'Action') === 'Spawned', 'Spawned')
      child = await getJson(`${net.su}/processes/${valueOf(spawned.message.tags, 'Process')}`)
    })

    test('M24 a spawn makes a process item signed by the MU, without target and anchor', () => {
      assert.equal(child.owner.address, net.authority)
      assert.ok(!child.target)
      assert.equal(child.anchor, null)
      assert.equal(child.data, 'kid = true')
      assert.equal(valueOf(child.tags, 'Name'), 'kid')
      assert.equal(valueOf(child.tags, 'Pushed-For'), message)
      assert.ok(valuesOf(child.tags, 'From-Process').every((value) => value === parent))
      assert.deepEqual(valuesOf(child.tags, 'Type'), ['Process'])
    })

    test('M25 the parent is told: Spawned, with the child and its own Reference', async () => {
      const { message } = await given(net, parent, spawned.message.id)
      const value = (name) => valueOf(message.Tags, name)
      assert.equal(message.From, parent)
      assert.equal(message.Owner, net.authority)
      assert.equal(value('Process'), child.process_id)
      assert.equal(value('Reference'), '77')
      assert.equal(value('Type'), 'Message')
    })

    test('M26 without a Scheduler the parent\'s is used', () => {
      assert.deepEqual(child.tags.at(-1), tag('Scheduler', net.scheduler))
    })

    test('M27 From-Module is the parent\'s real module', () => {
      assert.deepEqual([...new Set(valuesOf(child.tags, 'From-Module'))], [module()])
    })

    test('M28 an assignment entry assigns, and the outbox of that is pushed', async () => {
      const assigned = await spawnProbe(net, { module: module() })
      const data = answer({ Output: '', Messages: [entry(target, { data: 'seen' })], Spawns: [], Assignments: [] })
      const seen = await sendMessage(net, parent, { data: `not for the parent ${abi}` })
      const worth = await sendMessage(net, target, { data })
      await emit(net, parent, { Assignments: [{ Message: seen, Processes: [assigned] }, { Message: worth, Processes: [assigned] }] })
      const find = (id) => eventually('the assignment', async () =>
        (await schedule(net, assigned)).find((node) => assignmentTag(node, 'Message') === id && !node.message))
      const { assignment } = await find(seen)
      assert.equal((await given(net, assigned, assignment.id)).message.Data, `not for the parent ${abi}`)
      await find(worth)
      assert.equal((await arrivalFrom(assigned)).message.data, 'seen')
    })
  })

  describe(`processes that talk, ${abi}-bit`, () => {
    test('M36 the boot code of a process sends messages without being asked', async () => {
      const eager = await spawnProcess(net, {
        module: module(),
        tags: [tag('On-Boot', 'Data')],
        data: `Send({ Target = '${target}', Data = 'I am here' })`,
      })
      assert.equal((await arrivalFrom(eager)).message.data, 'I am here')
    })

    test('aos processes ask and answer', async () => {
      const [asking, answering] = [await spawnProcess(net, { module: module() }), await spawnProcess(net, { module: module() })]
      await printed(net, answering, `Handlers.add('square', 'Square', function (msg)
        msg.reply({ Data = tostring(tonumber(msg.Data) ^ 2) }) end)`)
      const { Error } = await evaluate(net, asking,
        `Answer = Send({ Target = '${answering}', Action = 'Square', Data = '12' }).receive().Data`)
      assert.equal(Error, undefined)
      const owner = addressOf(testWallet)
      await eventually('the answer is back', async () => (await peek(net, asking, 'return Answer', owner)) === '144.0')
    })
  })
}

test('M34 two processes that answer each other for ever hold up nobody else', async () => {
  const net = await startNetwork()
  const [ping, pong, bystander] = [await spawnProcess(net), await spawnProcess(net), await spawnProcess(net)]
  for (const process of [ping, pong]) {
    await printed(net, process, `Handlers.add('again', 'Again', function (msg) Send({ Target = msg.From, Action = 'Again' }) end)`)
  }
  const rounds = async () => Number(assignmentTag(await getJson(`${net.su}/${pong}/latest`), 'Nonce'))
  await printed(net, ping, `for i = 1, 20 do Send({ Target = '${pong}', Action = 'Again' }) end`)
  await eventually('they are at it', async () => (await rounds()) > 100)
  await printed(net, bystander, `Handlers.add('echo', 'Echo', function (msg) Echoed = msg.Data end)`)
  const began = Date.now()
  const id = await sendMessage(net, bystander, { tags: [tag('Action', 'Eval')], data: `Send({ Target = ao.id, Action = 'Echo', Data = 'heard' })` })
  await resultOf(net, bystander, id)
  const owner = addressOf(testWallet)
  await eventually('the echo is there', async () => (await peek(net, bystander, 'return Echoed', owner)) === 'heard')
  assert.ok(Date.now() - began < 10_000)
  const before = await rounds()
  await eventually('they still are', async () => (await rounds()) > before)
  await net.kill()
})

test('M43 where pushing is allowed, a message of a result goes out once, however often it is pushed; metrics count', async () => {
  const net = await startNetwork({ args: ['--allow-push', '--metrics'] })
  try {
    const [sender, receiver] = [await spawnProbe(net), await spawnProbe(net)]
    const id = await emit(net, sender, { Messages: [entry(receiver, { data: 'once' })] })
    await arrival(net, receiver, pushedFrom(sender))
    const push = (number) => request(`${net.mu}/push/${id}/${number}?process-id=${sender}`, { method: 'POST' })
    const { status, json } = await push(0)
    assert.equal(status, 202)
    assert.deepEqual(json, { message: 'Processing Message Result', id })
    assertRefused(await push(1), /Message number does not exist in the result/)
    const metric = async (url, name) =>
      Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await request(`${url}/metrics`)).text)[1])
    await eventually('the push is through', async () => (await metric(net.mu, 'ao_mu_held')) === 0)
    assert.equal((await schedule(net, receiver)).filter(({ message }) => pushedFrom(sender)(message)).length, 1)
    assert.ok((await metric(net.mu, 'ao_mu_accepted_total')) >= 5)
    assert.equal(await metric(net.mu, 'ao_mu_parked_total'), 0)
    assert.ok((await metric(net.su, 'ao_su_scheduled_total')) >= 6)
    assert.equal(await metric(net.su, 'ao_su_duplicates_total'), 1)
  } finally {
    await net.stop()
  }
})
