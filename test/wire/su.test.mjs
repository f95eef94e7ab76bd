// Conformance of the scheduler: order, hash chain, pages. Statements S1-S36, S42, S43.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertRefused, getJson, network, postItem, request } from './support/network.mjs'
import { assignmentTag, messageTags, processTags, schedule, sendMessage, spawnProcess, tag, valueOf } from './support/aos.mjs'
import { bytesOf, generateWallet, sha256, signItem, testWallet, unknownId, valuesOf, verifies } from './support/items.mjs'

let net

before(async () => { net = await network() })
after(() => net?.stop())

const postedTo = async (item) => postItem(net.su, (await signItem(item)).raw)
const page = (process, parameters = '') => getJson(`${net.su}/${process}?process-id=${process}${parameters}`)
const nonces = ({ edges }) => edges.map(({ node }) => Number(assignmentTag(node, 'Nonce')))
const upTo = (n) => Array.from({ length: n + 1 }, (_, nonce) => nonce)

async function processWith(messages) {
  const process = await spawnProcess(net)
  const ids = []
  for (let i = 0; i < messages; i++) ids.push(await sendMessage(net, process, { data: `message ${i}` }))
  return { process, ids }
}

describe('about itself', () => {
  test('S1 GET / gives its wallet and the time', async () => {
    const { address, timestamp } = await getJson(`${net.su}/`)
    assert.equal(address, net.scheduler)
    assert.equal(typeof timestamp, 'string')
    assert.ok(Math.abs(Date.now() - Number(timestamp)) < 60_000)
  })

  test('S2 GET / takes a process-id', async () => {
    assert.equal((await request(`${net.su}/?process-id=${unknownId}`)).status, 200)
  })

  test('S3 /timestamp is text, the block height in 12 digits', async () => {
    const { timestamp, block_height } = await getJson(`${net.su}/timestamp`)
    assert.match(timestamp, /^\d{13}$/)
    assert.match(block_height, /^\d{12}$/)
  })

  test('S4 /health', async () => {
    const { status, text } = await request(`${net.su}/health`)
    assert.deepEqual({ status, text }, { status: 200, text: '' })
  })

  test('S43 /metrics is off unless it is asked for', async () => {
    const { status, text } = await request(`${net.su}/metrics`)
    if (status === 400) assert.equal(text, 'Metrics not enabled')
    else assert.match(text, /^# EOF$/m)
  })
})

describe('accepting', () => {
  let process
  before(async () => { process = await spawnProcess(net) })

  test('S5 a process: 200 with its id and the time', async () => {
    const { id, raw } = await signItem({ tags: processTags(net) })
    const { status, json } = await postItem(net.su, raw)
    assert.equal(status, 200)
    assert.equal(json.id, id)
    assert.equal(typeof json.timestamp, 'number')
  })

  test('S6 a process without Module or Scheduler: 400', async () => {
    for (const missing of ['Module', 'Scheduler']) {
      const refusal = await postedTo({ tags: processTags(net).filter(({ name }) => name !== missing) })
      assert.equal(refusal.status, 400)
      assertRefused(refusal, /Required Module and Scheduler tags for Process type not present/)
    }
  })

  test('S13 the same message again: 400, and no nonce is used up', async () => {
    const { raw } = await signItem({ target: process, tags: messageTags() })
    assert.equal((await postItem(net.su, raw)).status, 200)
    const { length } = await schedule(net, process)
    const refusal = await postItem(net.su, raw)
    assert.equal(refusal.status, 400)
    assertRefused(refusal, /Message already exists/)
    assert.equal((await schedule(net, process)).length, length)
  })

  test('S14 a wrong or missing Type: 400', async () => {
    const without = messageTags().filter(({ name }) => name !== 'Type')
    assertRefused(await postedTo({ target: process, tags: without }), /Type tag not present/)
    assertRefused(await postedTo({ target: process, tags: [...without, tag('Type', 'Checkpoint')] }), /Unsupported Type tag value/)
  })

  test('S15 a tag that ends in +link: 400', async () => {
    for (const link of [tag('x+link', 'y'), tag('x', 'y+link')]) {
      const refusal = await postedTo({ target: process, tags: messageTags(link) })
      assert.equal(refusal.status, 400)
      assertRefused(refusal, /cannot contain \+link/)
    }
  })

  test('a message for a process that nobody knows: 400', async () => {
    const refusal = await postedTo({ target: unknownId, tags: messageTags() })
    assert.equal(refusal.status, 400)
    assertRefused(refusal)
  })

  test('S35 the same pushed message from another signer: 400', async () => {
    const pushed = (pushedFor) => ({
      target: process,
      anchor: 'a'.repeat(32),
      data: 'once',
      tags: messageTags(tag('B', '2'), tag('A', '1'), tag('From-Process', unknownId), tag('Pushed-For', pushedFor)),
    })
    assert.equal((await postedTo(pushed('x'.repeat(43)))).status, 200)
    const again = pushed('y'.repeat(43))
    const refusal = await postedTo({ ...again, tags: again.tags.reverse(), wallet: generateWallet() })
    assert.equal(refusal.status, 400)
    assertRefused(refusal, /Deep hash already exists/)
  })

  test('S36 users may say the same thing twice', async () => {
    const item = { target: process, tags: messageTags(tag('Action', 'Same')), data: 'same' }
    assert.equal((await postedTo(item)).status, 200)
    assert.equal((await postedTo(item)).status, 200)
  })
})

describe('the chain', () => {
  let process, ids, nodes
  before(async () => {
    ({ process, ids } = await processWith(3))
    nodes = await schedule(net, process)
  })

  test('S7 the process itself is nonce 0, with the chain seeded by its id', () => {
    const [first] = nodes
    assert.equal(first.message.id, process)
    assert.equal(assignmentTag(first, 'Epoch'), '0')
    assert.equal(assignmentTag(first, 'Nonce'), '0')
    assert.equal(assignmentTag(first, 'Message'), undefined)
    assert.equal(assignmentTag(first, 'Hash-Chain'), sha256(bytesOf(process)).toString('base64url'))
  })

  test('S8 each message follows the one before in nonce and hash chain', () => {
    nodes.slice(1).forEach((node, i) => {
      const previous = nodes[i]
      assert.equal(assignmentTag(node, 'Nonce'), String(i + 1))
      assert.equal(assignmentTag(node, 'Message'), ids[i])
      assert.equal(assignmentTag(node, 'Hash-Chain'),
        sha256(bytesOf(previous.assignment.id), bytesOf(assignmentTag(previous, 'Hash-Chain'))).toString('base64url'))
    })
  })

  test('S10 the tags of an assignment and their order', () => {
    const names = ['Process', 'Epoch', 'Nonce', 'Hash-Chain', 'Block-Height', 'Timestamp', 'Data-Protocol', 'Type', 'Variant']
    assert.deepEqual(nodes[0].assignment.tags.map(({ name }) => name), names)
    for (const node of nodes.slice(1)) {
      assert.deepEqual(node.assignment.tags.map(({ name }) => name), [...names, 'Message'])
      assert.equal(assignmentTag(node, 'Process'), process)
      assert.match(assignmentTag(node, 'Block-Height'), /^\d{12}$/)
      assert.match(assignmentTag(node, 'Timestamp'), /^\d{13}$/)
      assert.equal(assignmentTag(node, 'Data-Protocol'), 'ao')
      assert.equal(assignmentTag(node, 'Type'), 'Assignment')
      assert.equal(assignmentTag(node, 'Variant'), 'ao.TN.1')
    }
  })

  test('S11 an assignment is a signed item of the scheduler, without target and data', async () => {
    const { assignment } = await getJson(`${net.su}/${ids[0]}?process-id=${process}&show-anchor=1`)
    assert.equal(assignment.owner.address, net.scheduler)
    assert.equal(sha256(bytesOf(assignment.owner.key)).toString('base64url'), net.scheduler)
    assert.equal(sha256(bytesOf(assignment.signature)).toString('base64url'), assignment.id)
    assert.ok(!assignment.target)
    const anchor = bytesOf(assignment.anchor)
    assert.equal(anchor.length, 32)
    assert.ok(await verifies({ owner: assignment.owner.key, anchor, tags: assignment.tags, signature: assignment.signature }))
  })

  test('S12 timestamps strictly increase', () => {
    const times = nodes.map((node) => Number(assignmentTag(node, 'Timestamp')))
    assert.ok(times.every((time, i) => i === 0 || time > times[i - 1]), String(times))
  })

  test('S9 a hundred posts at once: nonces without gap or duplicate, and one chain', async () => {
    const crowded = await spawnProcess(net)
    const items = []
    for (let i = 0; i < 100; i++) items.push(await signItem({ target: crowded, tags: messageTags(), data: String(i) }))
    const answers = await Promise.all(items.map(({ raw }) => postItem(net.su, raw)))
    answers.forEach(({ status, text }) => assert.equal(status, 200, text))
    const nodes = await schedule(net, crowded)
    assert.deepEqual(nodes.map((node) => Number(assignmentTag(node, 'Nonce'))), upTo(100))
    assert.equal(new Set(nodes.map(({ message }) => message.id)).size, 101)
    nodes.slice(1).forEach((node, i) => assert.equal(assignmentTag(node, 'Hash-Chain'),
      sha256(bytesOf(nodes[i].assignment.id), bytesOf(assignmentTag(nodes[i], 'Hash-Chain'))).toString('base64url')))
    const times = nodes.map((node) => Number(assignmentTag(node, 'Timestamp')))
    assert.ok(times.every((time, i) => i === 0 || time > times[i - 1]))
  })
})

describe('reading', () => {
  let process, ids, all
  before(async () => {
    ({ process, ids } = await processWith(5))
    all = await page(process)
  })

  test('S16 S17 a message by its id and by its assignment\'s id', async () => {
    const node = await getJson(`${net.su}/${ids[2]}?process-id=${process}`)
    assert.deepEqual(Object.keys(node).sort(), ['assignment', 'message'])
    assert.equal(node.message.id, ids[2])
    assert.equal(node.message.data, 'message 2')
    assert.deepEqual(await getJson(`${net.su}/${node.assignment.id}?process-id=${process}`), node)
  })

  test('S18 an unknown id: 400', async () => {
    const refusal = await request(`${net.su}/${unknownId}?process-id=${process}`)
    assert.equal(refusal.status, 400)
    assertRefused(refusal, /Message or Process not found/)
  })

  test('S19 the schedule begins with the process and ascends', () => {
    assert.equal(all.edges[0].node.message.id, process)
    assert.deepEqual(nonces(all), upTo(5))
    assert.equal(all.page_info.has_next_page, false)
  })

  test('S19 a page has 100 records unless it is told otherwise', async () => {
    const { process } = await processWith(0)
    for (let i = 0; i < 100; i += 20) {
      await Promise.all(upTo(19).map(() => sendMessage(net, process)))
    }
    const first = await page(process)
    assert.equal(first.edges.length, 100)
    assert.equal(first.page_info.has_next_page, true)
    assert.equal((await page(process, '&limit=101')).edges.length, 101)
  })

  test('S20 S22 from is exclusive and leaves the process out, to is inclusive, cursors are timestamps', async () => {
    for (const { node, cursor } of all.edges) assert.equal(cursor, assignmentTag(node, 'Timestamp'))
    const [, , two, , four] = all.edges.map(({ cursor }) => cursor)
    assert.deepEqual(nonces(await page(process, `&from=${two}`)), [3, 4, 5])
    assert.deepEqual(nonces(await page(process, `&from=${two}&to=${four}`)), [3, 4])
    assert.deepEqual(nonces(await page(process, `&to=${two}`)), [0, 1, 2])
    assert.deepEqual(nonces(await page(process, `&from=${all.edges[0].cursor}`)), [1, 2, 3, 4, 5])
  })

  test('S21 following the cursors visits every record once', async () => {
    for (const limit of [1, 2, 3, 5, 6]) {
      const visited = []
      for (let next = ''; ;) {
        const { page_info, edges } = await page(process, `&limit=${limit}${next}`)
        visited.push(...nonces({ edges }))
        if (!page_info.has_next_page) break
        assert.equal(edges.length, limit)
        next = `&from=${edges.at(-1).cursor}`
      }
      assert.deepEqual(visited, upTo(5), `limit ${limit}`)
    }
  })

  test('S23 pages by nonce', async () => {
    assert.deepEqual(nonces(await page(process, '&from-nonce=-1')), upTo(5))
    const part = await page(process, '&from-nonce=1&to-nonce=3')
    assert.deepEqual(nonces(part), [2, 3])
    assert.deepEqual(part.edges.map(({ cursor }) => cursor), ['2', '3'])
    assert.deepEqual(nonces(await page(process, '&to-nonce=2')), [0, 1, 2])
  })

  test('S24 limit 1 gives the process alone and says that there is more', async () => {
    const { page_info, edges } = await page(process, '&limit=1')
    assert.deepEqual(nonces({ edges }), [0])
    assert.equal(page_info.has_next_page, true)
  })

  test('S25 the process object', async () => {
    const object = await getJson(`${net.su}/processes/${process}`)
    assert.equal(object.process_id, process)
    assert.match(object.block, /^\d{12}$/)
    assert.equal(object.timestamp, Number(all.edges[0].cursor))
    assert.equal(object.owner.key, testWallet.n)
    assert.deepEqual(object.tags, processTags(net))
    assert.equal(object.signature, all.edges[0].node.message.signature)
    assert.equal(object.data, ' ')
  })

  test('S26 an unknown process is refused', async () => {
    assertRefused(await request(`${net.su}/processes/${unknownId}`), /Process not found/)
  })

  test('S27 the newest record, of a process without messages too', async () => {
    assert.equal((await getJson(`${net.su}/${process}/latest`)).message.id, ids.at(-1))
    const { process: silent } = await processWith(0)
    const { status, json } = await request(`${net.su}/${silent}/latest`)
    if (status === 200) assert.equal(json.message.id, silent)
    else assert.equal(status, 400)
  })

  test('S28 text survives, process data that is no text is null', async () => {
    const data = 'zero\0, quote", \u{1F680}, \u2028, tab\t'
    const id = await sendMessage(net, process, { data })
    assert.equal((await getJson(`${net.su}/${id}?process-id=${process}`)).message.data, data)
    const binary = await spawnProcess(net, { data: Buffer.from([0xff, 0xfe, 0x00, 0x80]) })
    assert.equal((await getJson(`${net.su}/processes/${binary}`)).data, null)
  })

  test('S29 an anchor of text appears as it is, none and binary ones are null', async () => {
    const text = '00000000000000000000000000000042'
    for (const [anchor, shown] of [[text, text], [undefined, null]]) {
      const id = await sendMessage(net, process, { anchor })
      assert.equal((await getJson(`${net.su}/${id}?process-id=${process}`)).message.anchor, shown)
    }
  })

  test('S42 process-id may be missing', async () => {
    for (const id of [process, ids[0]]) {
      const { status } = await request(`${net.su}/${id}`)
      assert.ok(status === 200 || status === 400, String(status))
    }
    assert.notEqual((await request(`${net.su}/${unknownId}`)).status, 500)
  })
})

describe('assignments', () => {
  let process, message
  before(async () => {
    process = await spawnProcess(net)
    message = await sendMessage(net, await spawnProcess(net), { data: 'assign me' })
  })
  const assign = (query) => request(`${net.su}/?${query}`, { method: 'POST' })

  test('S30 S34 a pure assignment: no message, its id in a tag, what is excluded in others', async () => {
    const { status, json } = await assign(`process-id=${process}&assign=${message}&exclude=Data,Tags`)
    assert.equal(status, 200, JSON.stringify(json))
    const node = await getJson(`${net.su}/${json.id}?process-id=${process}`)
    assert.equal(node.message, null)
    assert.equal(node.assignment.id, json.id)
    assert.equal(valueOf(node.assignment.tags, 'Message'), message)
    assert.deepEqual(valuesOf(node.assignment.tags, 'Exclude'), ['Data', 'Tags'])
  })

  test('S33 base-layer transactions must be settled as deep as the process wants', async () => {
    const transaction = net.module64
    const { number_of_confirmations: confirmations } = await getJson(`${net.ar}/tx/${transaction}/status`)
    if (confirmations < 20) await request(`${net.ar}/mine/${20 - confirmations}`)
    const demanding = await spawnProcess(net, { tags: [tag('Settlement-Depth', '1000000000')] })
    const refusal = await assign(`process-id=${demanding}&assign=${transaction}&base-layer`)
    assert.equal(refusal.status, 400)
    assertRefused(refusal, /Not enough confirmations to assign/)
    const { status, json } = await assign(`process-id=${process}&assign=${transaction}&base-layer&exclude=Data`)
    assert.equal(status, 200, JSON.stringify(json))
    const { assignment } = await getJson(`${net.su}/${json.id}?process-id=${process}`)
    assert.equal(valueOf(assignment.tags, 'Message'), transaction)
    assert.deepEqual(valuesOf(assignment.tags, 'Exclude'), ['Data'])
    for (const id of [message, unknownId]) {
      assertRefused(await assign(`process-id=${process}&assign=${id}&base-layer`), /Transaction not found/)
    }
  })

  test('S31 one of process-id and assign alone: 400', async () => {
    for (const query of [`process-id=${process}`, `assign=${message}`]) {
      const refusal = await assign(query)
      assert.equal(refusal.status, 400)
      assertRefused(refusal)
    }
  })

  test('S32 an unknown transaction or process: 400', async () => {
    for (const query of [`process-id=${process}&assign=${unknownId}`, `process-id=${unknownId}&assign=${message}`,
      `process-id=${process}&assign=short`]) {
      const refusal = await assign(query)
      assert.equal(refusal.status, 400, query)
      assertRefused(refusal)
    }
  })
})
