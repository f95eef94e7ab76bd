// The Arweave side: upload, data, GraphQL as the clients ask it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { getJson, network, postItem, query, request, root } from './support/network.mjs'
import { processTags, spawnProcess, sendMessage, tag, valueOf } from './support/aos.mjs'
import { addressOf, generateWallet, sha256, signItem, testWallet, unknownId } from './support/items.mjs'

let net
before(async () => { net = await network() })
after(() => net?.stop())

async function upload(item, path = '/tx') {
  const { id, raw } = await signItem(item)
  const answer = await postItem(net.bundler + path, raw)
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.json.id, id)
  return id
}

describe('data', () => {
  const data = Buffer.from([0, 1, 2, 0xff, 0xfe, 10, 13])

  for (const path of ['/tx', '/tx/arweave']) {
    test(`what is uploaded by POST ${path} is there at once, byte for byte, under /raw/:id and /:id`, async () => {
      const id = await upload({ data, tags: [tag('Content-Type', 'application/x-test')] }, path)
      for (const url of [`${net.ar}/raw/${id}`, `${net.ar}/${id}`]) {
        const { status, bytes, headers } = await request(url)
        assert.equal(status, 200)
        assert.deepEqual(bytes, data)
        assert.equal(headers.get('content-type'), 'application/x-test')
      }
      const head = await request(`${net.ar}/${id}`, { method: 'HEAD' })
      assert.equal(head.status, 200)
    })
  }

  test('an item that does not verify is refused', async () => {
    const { raw } = await signItem({ data })
    raw[5] ^= 1
    assert.ok((await postItem(`${net.bundler}/tx`, raw)).status >= 400)
  })

  test('unknown ids are 404', async () => {
    for (const path of [`/raw/${unknownId}`, `/${unknownId}`, `/tx/${unknownId}`]) {
      assert.equal((await request(net.ar + path)).status, 404, path)
    }
  })

  test('/info tells height and current block', async () => {
    const info = await getJson(`${net.ar}/info`)
    assert.equal(typeof info.height, 'number')
    assert.equal(typeof info.current, 'string')
  })

  test('the real modules are served under the ids of the main network, byte for byte', async () => {
    const sums = new Map(readFileSync(join(root, 'scripts/modules.sha256'), 'utf8').trim().split('\n')
      .map((line) => line.split(/\s+/).reverse()))
    for (const [file, id] of [['aos2_0_6.wasm', net.module64], ['aos2_0_4_32.wasm', net.module32]]) {
      const { status, bytes } = await request(`${net.ar}/raw/${id}`)
      assert.equal(status, 200)
      assert.equal(sha256(bytes).toString('hex'), sums.get(file))
    }
  })

  test('processes and messages are there as soon as they are acknowledged', async () => {
    const process = await spawnProcess(net, { data: 'boot me' })
    const message = await sendMessage(net, process, { data: 'read me' })
    assert.equal((await request(`${net.ar}/raw/${process}`)).text, 'boot me')
    assert.equal((await request(`${net.ar}/raw/${message}`)).text, 'read me')
  })
})

describe('GraphQL', () => {
  test('the module of a spawn, as aoconnect asks', async () => {
    const { transactions } = await query(net, `query GetTransactions ($transactionIds: [ID!]!) {
      transactions(ids: $transactionIds) {
        edges { node { owner { address } tags { name value } block { id height timestamp } } } } }`,
    { transactionIds: [net.module64] })
    assert.equal(transactions.edges.length, 1)
    const { owner, tags, block } = transactions.edges[0].node
    assert.match(owner.address, /^[\w-]{43}$/)
    assert.equal(valueOf(tags, 'Type'), 'Module')
    assert.equal(valueOf(tags, 'Module-Format'), 'wasm64-unknown-emscripten-draft_2024_02_15')
    assert.ok(valueOf(tags, 'Input-Encoding') && valueOf(tags, 'Output-Encoding'))
    assert.ok(block === null || (Number.isInteger(block.height) && Number.isInteger(block.timestamp)))
  })

  test('the newest location of the scheduler, as its helper asks, comment and all', async () => {
    const { transactions } = await query(net, `
      query GetSchedulerLocation ($owner: String!) {
        transactions (
          owners: [$owner]
          tags: [
            { name: "Data-Protocol", values: ["ao"] },
            { name: "Type", values: ["Scheduler-Location"] }
          ]
          # Only need the most recent Scheduler-Location
          sort: HEIGHT_DESC
          first: 1
        ) { edges { node { tags { name value } } } }
      }`, { owner: net.scheduler })
    const { tags } = transactions.edges[0].node
    assert.equal(valueOf(tags, 'Url').replace(/\/$/, ''), net.su.replace(/\/$/, ''))
    assert.match(valueOf(tags, 'Time-To-Live'), /^\d+$/)
  })

  test('a process by its name and owner, as the aos console asks', async () => {
    const wallet = generateWallet()
    const process = await spawnProcess(net, { wallet, tags: [tag('Name', 'mine')] })
    await spawnProcess(net, { tags: [tag('Name', 'mine')] })
    const { transactions } = await query(net, `query ($owners: [String!]!) {
      transactions(first: 10, owners: $owners, tags: [
        { name: "Data-Protocol", values: ["ao"] }, { name: "Type", values: ["Process"] }, { name: "Name", values: ["mine"] }
      ]) { edges { node { id tags { name value } } } } }`, { owners: [addressOf(wallet), ''] })
    assert.deepEqual(transactions.edges.map(({ node }) => node.id), [process])
  })

  test('an item with all its fields, ids inline and as a single transaction', async () => {
    const anchor = 'b'.repeat(32)
    const target = 't'.repeat(42) + 'A'
    const id = await upload({ target, anchor, tags: [tag('A', '1'), tag('A', '2')], data: 'twelve bytes' })
    const fields = 'id signature anchor owner { address key } tags { name value } recipient data { size }'
    const { transactions } = await query(net, `query { transactions(ids: ["${id}"]) { edges { node { ${fields} } } } }`)
    const { node } = transactions.edges[0]
    assert.equal(node.id, id)
    assert.equal(sha256(Buffer.from(node.signature, 'base64url')).toString('base64url'), id)
    assert.equal(Buffer.from(node.anchor, 'base64url').toString(), anchor)
    assert.deepEqual(node.owner, { address: addressOf(testWallet), key: testWallet.n })
    assert.deepEqual(node.tags, [tag('A', '1'), tag('A', '2')])
    assert.equal(node.recipient, target)
    assert.equal(node.data.size, '12')
    const { transaction } = await query(net, `query($id: ID!) { transaction(id: $id) { ${fields} } }`, { id })
    assert.deepEqual(transaction, node)
    assert.deepEqual((await query(net, `{ transaction(id: "${unknownId}") { id } }`)).transaction, null)
  })

  test('@skip leaves a field out', async () => {
    const text = `query ($ids: [ID!]!, $skipTags: Boolean!) {
      transactions(ids: $ids) { edges { node { id tags @skip(if: $skipTags) { name value } } } } }`
    const find = async (skipTags) => (await query(net, text, { ids: [net.module64], skipTags })).transactions.edges[0].node
    assert.deepEqual(Object.keys(await find(true)), ['id'])
    assert.deepEqual(Object.keys(await find(false)), ['id', 'tags'])
  })

  test('pages by cursor, in both orders, each item once', async () => {
    const topic = `topic-${Date.now()}`
    const ids = []
    for (let i = 0; i < 7; i++) ids.push(await upload({ tags: [tag('Topic', topic), tag('No', String(i))] }))
    const text = `query ($after: String, $sort: SortOrder) {
      transactions(tags: [{ name: "Topic", values: ["${topic}"] }], first: 3, after: $after, sort: $sort) {
        pageInfo { hasNextPage } edges { cursor node { id } } } }`
    for (const [sort, expected] of [['HEIGHT_ASC', ids], ['HEIGHT_DESC', [...ids].reverse()]]) {
      const seen = []
      for (let after; ;) {
        const { transactions: { pageInfo, edges } } = await query(net, text, after ? { after, sort } : { sort })
        seen.push(...edges.map(({ node }) => node.id))
        if (!pageInfo.hasNextPage) break
        assert.equal(edges.length, 3)
        after = edges.at(-1).cursor
      }
      assert.deepEqual(seen, expected, sort)
    }
  })

  test('several tags are all wanted, several values are alternatives', async () => {
    const topic = `both-${Date.now()}`
    const one = await upload({ tags: [tag('Topic', topic), tag('Kind', 'a')] })
    const two = await upload({ tags: [tag('Topic', topic), tag('Kind', 'b')] })
    const find = async (kinds) => (await query(net, `query ($kinds: [String!]!) { transactions(sort: HEIGHT_ASC, tags: [
      { name: "Topic", values: ["${topic}"] }, { name: "Kind", values: $kinds }]) { edges { node { id } } } }`,
    { kinds })).transactions.edges.map(({ node }) => node.id)
    assert.deepEqual(await find(['a']), [one])
    assert.deepEqual(await find(['a', 'b']), [one, two])
    assert.deepEqual(await find(['c']), [])
  })

  test('blocks', async () => {
    const { blocks } = await query(net, '{ blocks(first: 1) { edges { node { id height timestamp } } } }')
    assert.equal(blocks.edges[0].node.height, (await getJson(`${net.ar}/info`)).height)
  })
})

test('a spawned process is found by id with its tags at once', async () => {
  const process = await spawnProcess(net)
  const { transactions } = await query(net, `query ($ids: [ID!]!) {
    transactions(ids: $ids, tags: [{ name: "Data-Protocol", values: ["ao"] }]) { edges { node { tags { name value } } } } }`,
  { ids: [process] })
  assert.deepEqual(transactions.edges[0].node.tags, processTags(net))
})
