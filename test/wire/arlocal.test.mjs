// What arlocal, the local network that Arweave programs have been tested with, promises its
// clients, in our own words. Each test has a gateway of its own, as an arlocal suite starts one, and
// mines when it wants a block.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { bundleAndSignData, createData, ArweaveSigner } from '@dha-team/arbundles'
import { arweaveClient, patternedBytes, startGateway } from './support/gateway.mjs'
import { getJson, query, request, temporaryFolder } from './support/network.mjs'
import { addressOf, generateWallet, testWallet } from './support/items.mjs'

let gateway, arweave
beforeEach(async () => {
  gateway = await startGateway()
  arweave = arweaveClient(gateway.ar)
})
afterEach(() => gateway?.stop())

const get = (path) => request(gateway.ar + path)
const text = async (path) => (await get(path)).text
const json = (path) => getJson(gateway.ar + path)
const mine = (count = '') => json(`/mine/${count}`)

async function post(data, { tags = {}, wallet = testWallet } = {}) {
  const transaction = await arweave.createTransaction({ data }, wallet)
  for (const [name, value] of Object.entries(tags)) transaction.addTag(name, value)
  await arweave.transactions.sign(transaction, wallet)
  const { status } = await arweave.transactions.post(transaction)
  assert.equal(status, 200)
  return transaction
}

describe('blocks and status', () => {
  test('the newest block is found by its hash', async () => {
    const { current } = await mine()
    const block = await json(`/block/hash/${current}`)
    assert.equal(block.indep_hash, current)
    assert.deepEqual(await arweave.blocks.getCurrent(), await json('/block/height/1'))
  })

  test('blocks are mined by ones, threes and hundreds', async () => {
    let height = 0
    for (const count of [1, 3, 100]) {
      height += count
      assert.equal((await mine(count === 1 ? '' : count)).height, height)
      assert.equal((await json('/info')).blocks, height + 1)
    }
  })

  test('information has members of the right types', async () => {
    const info = await json('/')
    const types = {
      network: 'string', version: 'number', release: 'number', height: 'number', current: 'string',
      blocks: 'number', peers: 'number', queue_length: 'number', node_state_latency: 'number',
    }
    for (const [member, type] of Object.entries(types)) assert.equal(typeof info[member], type, member)
    assert.equal(info.height, 0)
    assert.equal(info.blocks, 1)
  })

  test('peers are a list', async () => {
    assert.ok(Array.isArray(await arweave.network.getPeers()))
    assert.ok((await json('/peers')).length >= 1)
  })

  test('the anchor is the newest block', async () => {
    for (let i = 0; i < 2; i++) {
      assert.equal(await arweave.transactions.getTransactionAnchor(), (await json('/info')).current)
      await mine()
    }
  })
})

describe('a transaction', () => {
  test('is known as soon as it is posted, pending until somebody mines', async () => {
    const one = await post('one'), two = await post('two')
    assert.equal((await json(`/tx/${one.id}`)).id, one.id)
    assert.equal(await text(`/tx/${one.id}/status`), 'Pending')
    assert.equal(await text(`/tx/${one.id}/signature`), 'Pending')
    assert.deepEqual((await json('/tx/pending')).sort(), [one.id, two.id].sort())
    await mine()
    assert.deepEqual(await json('/tx/pending'), [])
    assert.equal((await arweave.transactions.get(one.id)).owner, testWallet.n)
  })

  test('has a height, a block and confirmations', async () => {
    const { id } = await post('x')
    const { current } = await mine()
    const first = (await arweave.transactions.getStatus(id)).confirmed
    assert.equal(first.block_height, 1)
    assert.equal(first.block_indep_hash, current)
    await mine(), await mine()
    assert.equal((await arweave.transactions.getStatus(id)).confirmed.number_of_confirmations, 2)
  })

  test('can be read field by field', async () => {
    const transaction = await post('fields', { tags: { One: '1', Two: '2' } })
    await mine()
    const posted = transaction.toJSON()
    for (const field of ['id', 'last_tx', 'owner', 'target', 'quantity', 'data_root', 'data_size', 'reward', 'signature']) {
      assert.equal(await text(`/tx/${transaction.id}/${field}`), String(posted[field]), field)
    }
    assert.equal(JSON.parse(await text(`/tx/${transaction.id}/tags`)).length, 2)
    assert.equal((await get(`/tx/${transaction.id}/colour`)).status, 404)
  })

  test('gives its data as text and as a file', async () => {
    const { id } = await post('test', { tags: { 'Content-Type': 'text/x-test' } })
    assert.equal(await text(`/tx/${id}/data`), 'dGVzdA')
    assert.equal(await arweave.transactions.getData(id), 'dGVzdA')
    const file = await get(`/tx/${id}/data.txt`)
    assert.equal(file.text, 'test')
    assert.equal(file.headers.get('content-type'), 'text/x-test')
  })

  test('can be taken back while it is pending', async () => {
    const { id } = await post('a mistake')
    assert.equal((await request(`${gateway.ar}/tx/${id}`, { method: 'DELETE' })).status, 200)
    assert.equal((await get(`/tx/${id}`)).status, 404)
    const kept = await post('kept')
    await mine()
    assert.equal((await request(`${gateway.ar}/tx/${kept.id}`, { method: 'DELETE' })).status, 404)
    assert.equal((await get(`/tx/${kept.id}`)).status, 200)
  })

  test('of two megabytes comes back as it went, again and again', async () => {
    const data = Buffer.alloc(2 << 20, 'hello_world') // chunks that are alike
    const first = await post(data), second = await post(data)
    for (const { id } of [first, second, first]) assert.ok((await get(`/${id}`)).bytes.equals(data))
  })
})

describe('bundles', () => {
  const signer = () => new ArweaveSigner(testWallet)
  const tags = { 'Bundle-Format': 'binary', 'Bundle-Version': '2.0.0' }

  test('items are data, not transactions', async () => {
    const bundle = await bundleAndSignData([createData('hello', signer()), createData('world', signer())], signer())
    await post(bundle.getRaw(), { tags })
    const id = bundle.get(0).id
    assert.equal(await text(`/${id}`), 'hello')
    await mine()
    for (const path of ['', '/data', '/data.json', '/offset', '/status']) {
      const answer = await get(`/tx/${id}${path}`)
      assert.equal(answer.status, 404, path)
      assert.equal(answer.text, 'Not Found', path)
    }
  })

  test('are unpacked when their last chunk is there', async () => {
    const large = patternedBytes(900_000)
    const bundle = await bundleAndSignData([createData(large, signer()), createData('world', signer())], signer())
    const transaction = await arweave.createTransaction({ data: bundle.getRaw() }, testWallet)
    for (const [name, value] of Object.entries(tags)) transaction.addTag(name, value)
    await arweave.transactions.sign(transaction, testWallet)
    const uploader = await arweave.transactions.getUploader(transaction)
    for (let i = 0; i < 2; i++) await uploader.uploadChunk()
    await mine()
    assert.equal((await get(`/${bundle.get(0).id}`)).status, 404)
    while (!uploader.isComplete) await uploader.uploadChunk()
    await mine()
    assert.ok((await get(`/${bundle.get(0).id}`)).bytes.equals(large))
    assert.equal(await text(`/${bundle.get(1).id}`), 'world')
  })
})

describe('GraphQL', () => {
  const page = async (field, after) => (await query(gateway,
    `query($after: String) { ${field}(first: 10, after: $after) { pageInfo { hasNextPage } edges { cursor node { id } } } }`,
    { after }))[field]

  test('twelve transactions are a page of ten and a page of two, twelve blocks and the first ten and three', async () => {
    for (let i = 0; i < 12; i++) {
      await post(`data ${i}`)
      await mine()
    }
    for (const [field, rest] of [['transactions', 2], ['blocks', 3]]) {
      const first = await page(field)
      assert.equal(first.edges.length, 10)
      const second = await page(field, first.edges.at(-1).cursor)
      assert.equal(second.edges.length, rest)
      assert.equal(second.pageInfo.hasNextPage, false)
    }
    const within = async (min, max) => (await query(gateway,
      `{ transactions(block: { min: ${min}, max: ${max} }) { edges { node { id } } } }`)).transactions.edges.length
    assert.equal(await within(1, 1), 1)
    assert.equal(await within(3, 5), 3)
  })

  test('several tag filters are all meant', async () => {
    await post('a', { tags: { App: 'x', Kind: '1' } })
    const both = await post('b', { tags: { App: 'x', Kind: '2' } })
    const { transactions } = await query(gateway,
      '{ transactions(tags: [{ name: "App", values: ["x"] }, { name: "Kind", values: ["2"] }]) { edges { node { id } } } }')
    assert.deepEqual(transactions.edges.map(({ node }) => node.id), [both.id])
  })
})

describe('wallets', () => {
  const address = addressOf(testWallet)

  test('have a balance, as text; tokens are minted', async () => {
    assert.equal(await arweave.wallets.getBalance(address), '0')
    assert.equal(await json(`/mint/${address}/100`), 100)
    assert.equal(await json(`/mint/${address}/50`), 150)
    assert.equal(await arweave.wallets.getBalance(address), '150')
    for (const path of ['/mint/x/1', `/mint/${address}/much`, `/mint/${address}/-1`, '/wallet/x/balance']) {
      assert.equal((await get(path)).status, 400, path)
    }
  })

  test('are set by POST and PATCH', async () => {
    const send = (method, path, body) => request(gateway.ar + path, {
      method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    })
    assert.deepEqual((await send('POST', '/wallet', { address, balance: 1 })).json, { address, balance: 1 })
    await get(`/mint/${address}/100`)
    assert.equal(await text(`/wallet/${address}/balance`), '101')
    assert.equal((await send('PATCH', `/wallet/${address}/balance`, { balance: '7' })).status, 200)
    assert.equal(await text(`/wallet/${address}/balance`), '7')
    for (const body of [{ address }, { balance: 1 }, { address, balance: -1 }, [], null]) {
      assert.equal((await send('POST', '/wallet', body)).status, 400, JSON.stringify(body))
    }
  })

  test('know their newest transaction', async () => {
    const wallet = generateWallet()
    assert.equal(await arweave.wallets.getLastTransactionID(addressOf(wallet)), '')
    await post('first', { wallet })
    const second = await post('second', { wallet })
    assert.equal(await arweave.wallets.getLastTransactionID(addressOf(wallet)), second.id)
  })
})

test('a reset forgets blocks, data and balances, and life goes on', async () => {
  const address = addressOf(testWallet)
  const { id } = await post(patternedBytes(300_000))
  await mine(50)
  await get(`/mint/${address}/500`)
  assert.equal((await get('/reset')).status, 200)
  const info = await json('/')
  assert.equal(info.height, 0)
  assert.equal(info.blocks, 1)
  assert.equal(await arweave.wallets.getBalance(address), '0')
  assert.equal((await get(`/${id}`)).status, 404)
  assert.equal((await arweave.blocks.getCurrent()).height, 0)
  const again = await post('after the flood')
  assert.equal((await mine()).height, 1)
  assert.equal(await text(`/${again.id}`), 'after the flood')
})

test('a chain that is kept is not reset by strangers', async () => {
  const kept = await startGateway({ data: temporaryFolder() })
  try {
    assert.equal((await request(`${kept.ar}/reset`)).status, 403)
    assert.equal((await request(`${kept.ar}/tx/${'A'.repeat(43)}`, { method: 'DELETE' })).status, 403)
  } finally {
    await kept.stop()
  }
})
