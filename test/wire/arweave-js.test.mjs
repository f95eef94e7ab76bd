// arweave-js against our gateway: transactions are created, signed, posted, also in chunks, and read
// back by the library alone.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { arweaveClient, patternedBytes, startGateway } from './support/gateway.mjs'
import { eventually, getJson, query, request, temporaryFolder } from './support/network.mjs'
import { addressOf, generateWallet, testWallet } from './support/items.mjs'

let gateway, arweave
before(async () => {
  gateway = await startGateway()
  arweave = arweaveClient(gateway.ar)
})
after(() => gateway?.stop())

async function signed(fields, { wallet = testWallet, tags = {} } = {}) {
  const transaction = await arweave.createTransaction(fields, wallet)
  for (const [name, value] of Object.entries(tags)) transaction.addTag(name, value)
  await arweave.transactions.sign(transaction, wallet)
  return transaction
}

async function posted(fields, options) {
  const transaction = await signed(fields, options)
  const { status } = await arweave.transactions.post(transaction)
  assert.equal(status, 200)
  return transaction
}

const mine = () => getJson(`${gateway.ar}/mine`)
const dataOf = (id) => arweave.transactions.getData(id, { decode: true })

describe('transactions', () => {
  test('a small one is read back whole: JSON, data, tags, status', async () => {
    const transaction = await posted({ data: 'hello' }, { tags: { 'Content-Type': 'text/plain' } })
    const read = await arweave.transactions.get(transaction.id)
    assert.equal(await arweave.transactions.verify(read), true)
    for (const field of ['format', 'id', 'last_tx', 'owner', 'tags', 'target', 'quantity', 'data_size', 'data_root', 'reward', 'signature']) {
      assert.deepEqual(read.toJSON()[field], transaction.toJSON()[field], field)
    }
    assert.equal(Buffer.from(await dataOf(transaction.id)).toString(), 'hello')
    assert.deepEqual(await arweave.transactions.getStatus(transaction.id), { status: 202, confirmed: null })
    const { height, current } = await mine()
    const { status, confirmed } = await arweave.transactions.getStatus(transaction.id)
    assert.equal(status, 200)
    assert.deepEqual(confirmed, { block_height: height, block_indep_hash: current, number_of_confirmations: 0 })
    const served = await request(`${gateway.ar}/${transaction.id}`)
    assert.equal(served.text, 'hello')
    assert.equal(served.headers.get('content-type'), 'text/plain')
  })

  test('what is posted twice is there once', async () => {
    const transaction = await signed({ data: 'twice' })
    const answers = []
    for (let i = 0; i < 2; i++) answers.push((await post('/tx', transaction.toJSON())).status)
    assert.deepEqual(answers, [200, 208])
    const { txs } = await getJson(`${gateway.ar}/block/height/${(await mine()).height}`)
    assert.deepEqual(txs.filter((id) => id === transaction.id), [transaction.id])
  })

  test('one without data moves tokens, if there are any', async () => {
    const [wallet, other] = [generateWallet(), addressOf(testWallet)]
    const fields = { target: other, quantity: '700' }
    const poor = await signed(fields, { wallet })
    const refused = await arweave.api.post('tx', poor)
    assert.equal(refused.status, 400)
    assert.match(JSON.stringify(refused.data), /less than/)
    await getJson(`${gateway.ar}/mint/${addressOf(wallet)}/1000000000000000000000`)
    const before = BigInt(await arweave.wallets.getBalance(other))
    const transaction = await posted(fields, { wallet })
    assert.equal(await arweave.wallets.getBalance(addressOf(wallet)), '999999999999999999300')
    assert.equal(BigInt(await arweave.wallets.getBalance(other)), before + 700n)
    assert.equal(await arweave.wallets.getLastTransactionID(addressOf(wallet)), transaction.id)
    const next = await posted({ data: 'x', last_tx: transaction.id }, { wallet })
    assert.equal(next.last_tx, transaction.id)
  })

  test('bad ones are refused with 400 and a reason, and leave no trace', async () => {
    const good = (await signed({ data: 'good' })).toJSON()
    const cases = {
      'another id': { ...good, id: testWallet.n.slice(0, 42) + 'A' },
      'other data': { ...good, data: 'YmFk' },
      'another tag': { ...good, tags: [{ name: 'YQ', value: 'YQ' }] },
      'no signature': { ...good, signature: '' },
      'another format': { ...good, format: 3 },
      'no list of tags': { ...good, tags: 'x' },
    }
    for (const [name, body] of Object.entries(cases)) {
      const { status, json } = await post('/tx', body)
      assert.equal(status, 400, name)
      assert.equal(typeof json.error, 'string', name)
    }
    const stale = await signed({ data: 'stale', last_tx: 'A'.repeat(64) })
    assert.match((await post('/tx', stale.toJSON())).json.error, /anchor/i)
    assert.equal((await post('/tx', '{"format":')).status, 400)
    assert.equal((await request(`${gateway.ar}/tx/${good.id}`)).status, 404)
  })

  test('format 1, as it was signed years ago, verifies and is served with its data', async () => {
    const { createHash, createPrivateKey, constants, sign } = await import('node:crypto')
    const owner = Buffer.from(testWallet.n, 'base64url')
    const data = Buffer.from('the old format')
    const signature = sign('sha256', Buffer.concat([owner, data, Buffer.from('0'), Buffer.from('0')]), {
      key: createPrivateKey({ key: testWallet, format: 'jwk' }),
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: 32,
    })
    const id = createHash('sha256').update(signature).digest('base64url')
    const json = {
      format: 1, id, last_tx: '', owner: testWallet.n, tags: [], target: '', quantity: '0', reward: '0',
      data: data.toString('base64url'), signature: signature.toString('base64url'),
    }
    assert.equal((await post('/tx', json)).status, 200)
    const read = await getJson(`${gateway.ar}/tx/${id}`)
    assert.equal(read.format, 1)
    assert.equal(read.data, json.data)
    assert.deepEqual(Buffer.from(await dataOf(id)), data)
  })
})

const post = (path, body) => request(gateway.ar + path, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

describe('chunks', () => {
  const sizes = { '256 KiB and one byte': 262145, 'exactly 512 KiB': 524288, 'more than 3 MiB': 3 * 1048576 + 12345 }
  for (const [name, size] of Object.entries(sizes)) {
    test(`${name}: uploaded and read back in chunks`, async () => {
      const data = patternedBytes(size, size)
      const transaction = await posted({ data })
      assert.ok(transaction.chunks.chunks.length > 1)
      assert.ok(Buffer.from(await dataOf(transaction.id)).equals(data))
      assert.ok((await request(`${gateway.ar}/raw/${transaction.id}`)).bytes.equals(data))
      const { offset, size: told } = await getJson(`${gateway.ar}/tx/${transaction.id}/offset`)
      assert.equal(told, String(size))
      const last = await getJson(`${gateway.ar}/chunk/${offset}`)
      const bytes = Buffer.from(last.chunk, 'base64url')
      assert.ok(data.subarray(size - bytes.length).equals(bytes))
    })
  }

  test('every chunk that is served proves its place', async () => {
    const { validatePath } = await import('arweave/node/lib/merkle.js').then((module) => module.default ?? module)
    const data = patternedBytes(700_000, 7)
    const transaction = await posted({ data })
    const { offset, size } = await getJson(`${gateway.ar}/tx/${transaction.id}/offset`)
    const start = Number(offset) - Number(size) + 1
    const root = Buffer.from(transaction.data_root, 'base64url')
    for (let at = 0; at < data.length;) {
      const { chunk, data_path: path } = await getJson(`${gateway.ar}/chunk/${start + at}`)
      const proof = await validatePath(root, at, 0, data.length, Buffer.from(path, 'base64url'))
      assert.ok(proof, `offset ${at}`)
      const bytes = Buffer.from(chunk, 'base64url')
      assert.ok(bytes.equals(data.subarray(proof.leftBound, proof.rightBound)))
      at += bytes.length
    }
  })

  test('data is there when its last chunk is, not before, whatever their order', async () => {
    const data = patternedBytes(900_000, 9)
    const transaction = await signed({ data })
    const chunks = transaction.chunks.chunks.map((_, i) => transaction.getChunk(i, data))
    await mine()
    assert.equal((await post('/tx', { ...transaction.toJSON(), data: '' })).status, 200)
    for (const chunk of [...chunks].reverse()) {
      const early = await request(`${gateway.ar}/${transaction.id}`)
      assert.equal(early.status, 404)
      assert.match(early.text, /of 900000 bytes/)
      assert.deepEqual(await getJson(`${gateway.ar}/tx/pending`), [transaction.id])
      assert.equal((await request(`${gateway.ar}/tx/${transaction.id}/status`)).status, 202)
      for (let again = 0; again < 2; again++) assert.equal((await post('/chunk', chunk)).status, 200)
    }
    assert.ok((await request(`${gateway.ar}/${transaction.id}`)).bytes.equals(data))
    await mine()
    assert.deepEqual(await getJson(`${gateway.ar}/tx/pending`), [])
  })

  test('the same data under another transaction needs no second upload', async () => {
    const data = patternedBytes(600_000, 11)
    await posted({ data })
    const again = await signed({ data }, { tags: { Copy: 'yes' } })
    assert.equal((await post('/tx', { ...again.toJSON(), data: '' })).status, 200)
    assert.ok((await request(`${gateway.ar}/${again.id}`)).bytes.equals(data))
    assert.ok(Buffer.from(await dataOf(again.id)).equals(data))
  })

  test('bad chunks are refused by the words that clients know', async () => {
    const data = patternedBytes(600_000, 13)
    const transaction = await signed({ data })
    const chunk = transaction.getChunk(0, data)
    const word = async (body) => {
      const { status, json } = await post('/chunk', body)
      assert.equal(status, 400)
      return json.error
    }
    assert.equal(await word(chunk), 'data_root_not_found')
    assert.equal((await post('/tx', { ...transaction.toJSON(), data: '' })).status, 200)
    assert.equal(await word('{'), 'invalid_json')
    assert.equal(await word({ ...chunk, chunk: undefined }), 'invalid_json')
    assert.equal(await word({ ...chunk, data_size: '-1' }), 'invalid_json')
    assert.equal(await word({ ...chunk, offset: undefined }), 'offset_field_required')
    assert.equal(await word({ ...chunk, offset: '300000' }), 'invalid_proof')
    assert.equal(await word({ ...chunk, chunk: patternedBytes(262144, 1).toString('base64url') }), 'invalid_proof')
    assert.equal(await word({ ...chunk, chunk: Buffer.alloc(262145).toString('base64url') }), 'chunk_too_big')
    assert.equal((await post('/chunk', { ...chunk, chunk: 'A'.repeat(760_000) })).status, 413)
    assert.equal((await post('/chunk', chunk)).status, 200)
    for (const [place, status] of [['0', 404], ['999999999999', 404], ['x', 400], ['-1', 400]]) {
      assert.equal((await request(`${gateway.ar}/chunk/${place}`)).status, status, place)
    }
  })
})

test('GraphQL shows a transaction pending, then in its block, with what it cost and moved', async () => {
  const wallet = generateWallet()
  await getJson(`${gateway.ar}/mint/${addressOf(wallet)}/2000000000000`)
  const { id } = await posted({ data: 'x', target: addressOf(testWallet), quantity: '1500000000000' }, { wallet, tags: { Kind: 'paid' } })
  const ask = async () => (await query(gateway, `{ transactions(owners: ["${addressOf(wallet)}"]) { edges { node {
    id recipient quantity { winston ar } fee { winston ar } block { height } bundledIn { id } data { size } } } } }`)).transactions.edges[0].node
  const expected = {
    id, recipient: addressOf(testWallet), quantity: { winston: '1500000000000', ar: '1.500000000000' },
    fee: { winston: '0', ar: '0.000000000000' }, bundledIn: null, data: { size: '1' },
  }
  assert.deepEqual(await ask(), { ...expected, block: null })
  const { height } = await mine()
  assert.deepEqual(await ask(), { ...expected, block: { height } })
})

test('what was acknowledged survives kill -9: transactions, some of the chunks, balances', async () => {
  const data = temporaryFolder()
  let own = await startGateway({ data })
  const client = arweaveClient(own.ar)
  await getJson(`${own.ar}/mint/${addressOf(testWallet)}/5`)
  const bytes = patternedBytes(1_000_000, 17)
  const transaction = await client.createTransaction({ data: bytes }, testWallet)
  await client.transactions.sign(transaction, testWallet)
  const uploader = await client.transactions.getUploader(transaction)
  for (let i = 0; i < 2; i++) await uploader.uploadChunk() // the transaction, one chunk
  const resumed = JSON.parse(JSON.stringify(uploader))
  await own.kill()
  own = await startGateway({ data })
  try {
    const again = arweaveClient(own.ar)
    assert.equal(await again.wallets.getBalance(addressOf(testWallet)), '5')
    assert.deepEqual(await getJson(`${own.ar}/tx/pending`), [transaction.id])
    const rest = await again.transactions.getUploader(resumed, bytes)
    while (!rest.isComplete) await rest.uploadChunk()
    assert.ok(Buffer.from(await again.transactions.getData(transaction.id, { decode: true })).equals(bytes))
  } finally {
    await own.stop()
  }
})

test('without anybody mining, a transaction is in a block after --block-ms', async () => {
  const own = await startGateway({ block_ms: 50 })
  try {
    const client = arweaveClient(own.ar)
    const transaction = await client.createTransaction({ data: 'by itself' }, testWallet)
    await client.transactions.sign(transaction, testWallet)
    await client.transactions.post(transaction)
    const confirmed = await eventually('it is confirmed', async () =>
      (await client.transactions.getStatus(transaction.id)).confirmed)
    assert.equal(confirmed.block_height, 1)
  } finally {
    await own.stop()
  }
})
