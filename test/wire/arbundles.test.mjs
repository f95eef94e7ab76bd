// Items and bundles made by arbundles, uploaded as arbundles and turbo upload them: plain POSTs of
// bytes, answered with receipts that verify.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { constants, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import {
  AptosSigner, ArweaveSigner, bundleAndSignData, createData, deepHash, EthereumSigner, stringToBuffer, TypedEthereumSigner,
} from '@dha-team/arbundles'
import { arweaveClient, patternedBytes, startGateway } from './support/gateway.mjs'
import { assertRefused, getJson, postItem, query, request } from './support/network.mjs'
import { sha256, tag, testWallet } from './support/items.mjs'

let gateway
before(async () => { gateway = await startGateway({ args: ['--bundler-port', '0'] }) })
after(() => gateway?.stop())

const bundleTags = [tag('Bundle-Format', 'binary'), tag('Bundle-Version', '2.0.0')]
const arweaveSigner = () => new ArweaveSigner(testWallet)
const ethereumKey = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const signers = {
  arweave: arweaveSigner,
  ethereum: () => new EthereumSigner(ethereumKey),
  'typed ethereum': () => new TypedEthereumSigner(ethereumKey),
  ed25519: () => {
    const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
    return new AptosSigner(...[d, x].map((part) => '0x' + Buffer.from(part, 'base64url').toString('hex')))
  },
}

async function makeItem(data, { tags = [], signer = new EthereumSigner(ethereumKey) } = {}) {
  const item = createData(data, signer, { tags })
  await item.sign(signer)
  return item
}

async function makeBundle(items, signer = new EthereumSigner(ethereumKey)) {
  return (await bundleAndSignData(items, signer)).getRaw()
}

async function uploaded(item, path = '/tx') {
  const answer = await postItem(gateway.bundler + path, item.getRaw())
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.json.id, item.id)
  return answer.json
}

const nodeOf = async (id) => (await query(gateway, `query($ids: [ID!]) { transactions(ids: $ids) { edges { node {
  id owner { address } tags { name value } data { size } bundledIn { id } parent { id } block { height } } } } }`,
{ ids: [id] })).transactions.edges[0]?.node

// The receipt's signature as turbo's own clients check it, with Node's crypto.
async function receiptVerifies({ id, deadlineHeight, timestamp, version, public: owner, signature }) {
  const parts = ['Bundlr', version, id, String(deadlineHeight), String(timestamp)]
  const message = await deepHash(parts.map(stringToBuffer))
  const key = createPublicKey({ key: { kty: 'RSA', n: owner, e: 'AQAB' }, format: 'jwk' })
  return verify('sha256', message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 0 }, Buffer.from(signature, 'base64url'))
}

describe('items', () => {
  for (const [kind, make] of Object.entries(signers)) {
    test(`signed with a key of kind ${kind} are taken and served`, async () => {
      const signer = make()
      const item = await makeItem(`from ${kind}`, { signer, tags: [tag('Kind', kind)] })
      await uploaded(item)
      assert.equal((await request(`${gateway.ar}/${item.id}`)).text, `from ${kind}`)
      const node = await nodeOf(item.id)
      assert.equal(node.owner.address, sha256(signer.publicKey).toString('base64url'))
      assert.equal(node.bundledIn, null)
    })
  }

  for (const path of ['/tx', '/tx/arweave', '/tx/ethereum', '/v1/tx', '/v1/tx/solana']) {
    test(`POST ${path} answers a receipt that verifies, on bundler and gateway`, async () => {
      const item = await makeItem(`by ${path}`)
      for (const url of [gateway.bundler, gateway.ar]) {
        const { status, json } = await postItem(url + path, item.getRaw())
        assert.equal(status, 200)
        assert.equal(json.id, item.id)
        assert.equal(json.version, '0.2.0')
        assert.equal(json.winc, '0')
        assert.ok(Math.abs(json.timestamp - Date.now()) < 60_000)
        assert.equal(json.owner, sha256(Buffer.from(json.public, 'base64url')).toString('base64url'))
        assert.equal(await receiptVerifies(json), true)
        assert.equal(await receiptVerifies({ ...json, timestamp: json.timestamp + 1 }), false)
      }
    })
  }

  test('without a content type, or with another one', async () => {
    const item = await makeItem('no type')
    const bare = await request(`${gateway.bundler}/v1/tx`, { method: 'POST', body: new Blob([item.getRaw()]) })
    assert.equal(bare.status, 200)
    const wrong = await request(`${gateway.bundler}/v1/tx`, {
      method: 'POST', body: item.getRaw(), headers: { 'Content-Type': 'text/plain' },
    })
    assert.equal(wrong.status, 400)
    assertRefused(wrong, /Content Type/)
  })

  test('prices, balances and information are what turbo clients ask for', async () => {
    for (const path of ['/price/arweave/1000', '/price/1000', `/account/balance/${'A'.repeat(43)}`]) {
      assert.match((await request(gateway.bundler + path)).text, /^\d+$/)
    }
    const info = await getJson(gateway.bundler)
    assert.match(info.addresses.arweave, /^[\w-]{43}$/)
    assert.equal(typeof info.freeUploadLimitBytes, 'number')
  })

  test('the status of an upload is final from the beginning', async () => {
    const item = await makeItem('status', { tags: [tag('Content-Type', 'text/plain')] })
    await uploaded(item)
    for (const path of ['/tx', '/v1/tx']) {
      assert.deepEqual(await getJson(`${gateway.bundler}${path}/${item.id}/status`), {
        status: 'FINALIZED', info: 'permanent', payloadContentType: 'text/plain', payloadContentLength: 6, winc: '0',
      })
    }
    assert.equal((await request(`${gateway.bundler}/tx/${'A'.repeat(43)}/status`)).status, 404)
  })

  test('that are damaged anywhere are refused with 400, never 500', async () => {
    const raw = (await makeItem('to be damaged', { tags: [tag('A', '1')] })).getRaw()
    for (let at = 0; at < raw.length; at += 7) {
      const damaged = Buffer.from(raw)
      damaged[at] ^= 1
      assert.equal((await postItem(`${gateway.bundler}/tx`, damaged)).status, 400, `byte ${at}`)
    }
    for (const length of [0, 1, 2, 80, raw.length - 1]) {
      assert.equal((await postItem(`${gateway.bundler}/tx`, raw.subarray(0, length))).status, 400, `${length} bytes`)
    }
  })
})

describe('large items stream', () => {
  const size = 20 << 20
  const memory_mib = () =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))[1]) / 1024

  test('twenty megabytes go in and out without being held in memory', async () => {
    const item = await makeItem(patternedBytes(size, 5), { tags: [tag('Content-Type', 'application/x-large')] })
    const before = memory_mib()
    await uploaded(item)
    const grown_mib = memory_mib() - before
    assert.ok(grown_mib < 8, `the program grew by ${grown_mib} MiB`)
    const { bytes, headers } = await request(`${gateway.ar}/${item.id}`)
    assert.equal(headers.get('content-type'), 'application/x-large')
    assert.ok(bytes.equals(item.rawData))
    const part = await request(`${gateway.ar}/raw/${item.id}`, { headers: { Range: `bytes=${size - 5}-` } })
    assert.equal(part.status, 206)
    assert.ok(part.bytes.equals(item.rawData.subarray(size - 5)))
    assert.equal((await nodeOf(item.id)).data.size, String(size))
  })

  test('of unknown length, too', async () => {
    const item = await makeItem('short but chunked')
    const body = new ReadableStream({
      start(controller) {
        for (const byte of item.getRaw()) controller.enqueue(new Uint8Array([byte]))
        controller.close()
      },
    })
    const response = await fetch(`${gateway.bundler}/tx`, {
      method: 'POST', body, duplex: 'half', headers: { 'Content-Type': 'application/octet-stream' },
    })
    assert.equal(response.status, 200)
    assert.equal((await request(`${gateway.ar}/${item.id}`)).text, 'short but chunked')
  })

  test('one that does not verify leaves nothing', async () => {
    const item = await makeItem(patternedBytes(1 << 20, 6))
    const damaged = Buffer.from(item.getRaw())
    damaged[damaged.length - 1] ^= 1
    assertRefused(await postItem(`${gateway.bundler}/tx`, damaged), /./)
    assert.equal((await request(`${gateway.ar}/${item.id}`)).status, 404)
    const nonsense = await postItem(`${gateway.bundler}/tx`, patternedBytes(1 << 20, 8))
    assert.equal(nonsense.status, 400)
    await uploaded(item)
  })
})

describe('bundles', () => {
  test('an item that is a bundle is unpacked; its items know it', async () => {
    const inside = [await makeItem('one', { tags: [tag('Name', 'one')] }), await makeItem('two'), await makeItem('')]
    const outer = await makeItem(await makeBundle(inside), { tags: bundleTags })
    await uploaded(outer)
    const { block } = await nodeOf(outer.id)
    for (const item of inside) {
      assert.ok((await request(`${gateway.ar}/${item.id}`)).bytes.equals(item.rawData))
      assert.deepEqual(await nodeOf(item.id), {
        id: item.id, owner: { address: sha256(item.rawOwner).toString('base64url') }, tags: item.tags,
        data: { size: String(item.rawData.length) }, bundledIn: { id: outer.id }, parent: { id: outer.id }, block,
      })
    }
    const { transactions } = await query(gateway, `{ transactions(bundledIn: ["${outer.id}"], sort: HEIGHT_ASC) { edges { node { id } } } }`)
    assert.deepEqual(transactions.edges.map(({ node }) => node.id), inside.map(({ id }) => id))
    const none = await query(gateway, `{ transactions(bundledIn: ["${inside[0].id}"]) { edges { node { id } } } }`)
    assert.deepEqual(none.transactions.edges, [])
  })

  test('bundles in bundles: each item names the one around it', async () => {
    const leaf = await makeItem('the innermost')
    let around = leaf
    const chain = [leaf]
    for (let depth = 0; depth < 3; depth++) {
      around = await makeItem(await makeBundle([around, await makeItem(`beside ${depth}`)]), { tags: bundleTags })
      chain.push(around)
    }
    await uploaded(around)
    for (let i = 0; i + 1 < chain.length; i++) assert.equal((await nodeOf(chain[i].id)).bundledIn.id, chain[i + 1].id)
    assert.equal((await request(`${gateway.ar}/${leaf.id}`)).text, 'the innermost')
  })

  test('deeper than the limit they stay closed', async () => {
    let around = await makeItem('too deep')
    const chain = [around]
    for (let depth = 0; depth < 20; depth++) {
      around = await makeItem(await makeBundle([around]), { tags: bundleTags })
      chain.push(around)
    }
    await uploaded(around)
    const found = []
    for (const { id } of chain.reverse()) found.push(Boolean(await nodeOf(id)))
    assert.deepEqual(found, chain.map((_, depth) => depth <= 16))
  })

  test('an invalid item is left out, its siblings are not', async () => {
    const items = [await makeItem('first'), await makeItem('tampered'), await makeItem('last')]
    const payload = await makeBundle(items)
    const at = payload.indexOf('tampered')
    payload[at] ^= 1
    const outer = await makeItem(payload, { tags: bundleTags })
    await uploaded(outer)
    assert.ok(await nodeOf(items[0].id))
    assert.equal(await nodeOf(items[1].id), undefined)
    assert.ok(await nodeOf(items[2].id))
  })

  test('what only says that it is a bundle is an item like any other', async () => {
    for (const data of ['no bundle', Buffer.alloc(32, 255), patternedBytes(400_000, 3)]) {
      const item = await makeItem(data, { tags: bundleTags })
      await uploaded(item)
      assert.ok((await request(`${gateway.ar}/${item.id}`)).bytes.equals(item.rawData))
    }
  })

  test('a large bundle streams in; its items are read from where they lie', async () => {
    const items = [await makeItem(patternedBytes(3 << 20, 21)), await makeItem('small'), await makeItem(patternedBytes(700_000, 22))]
    const inner = await makeItem(await makeBundle(items.slice(1)), { tags: bundleTags })
    const outer = await makeItem(await makeBundle([items[0], inner]), { tags: bundleTags })
    await uploaded(outer)
    for (const item of items) assert.ok((await request(`${gateway.ar}/raw/${item.id}`)).bytes.equals(item.rawData))
    assert.equal((await nodeOf(items[1].id)).bundledIn.id, inner.id)
  })

  test('in a transaction of arbundles, posted with arweave-js', async () => {
    const arweave = arweaveClient(gateway.ar)
    const items = []
    for (let i = 0; i < 40; i++) items.push(await makeItem(patternedBytes(10_000, i)))
    const bundle = await bundleAndSignData(items, new EthereumSigner(ethereumKey))
    const transaction = await bundle.toTransaction({}, arweave, testWallet)
    await arweave.transactions.sign(transaction, testWallet)
    assert.equal((await arweave.transactions.post(transaction)).status, 200)
    for (const item of items) assert.ok((await request(`${gateway.ar}/raw/${item.id}`)).bytes.equals(item.rawData))
    const pending = await nodeOf(items[0].id)
    assert.equal(pending.bundledIn.id, transaction.id)
    assert.equal(pending.block, null)
    const { height } = await getJson(`${gateway.ar}/mine`)
    for (const { id } of [transaction, items[39]]) assert.equal((await nodeOf(id)).block.height, height)
  })

  test('an item that was uploaded before is found in its bundle later', async () => {
    const item = await makeItem('early')
    await uploaded(item)
    assert.equal((await nodeOf(item.id)).bundledIn, null)
    const outer = await makeItem(await makeBundle([item]), { tags: bundleTags })
    await uploaded(outer)
    assert.equal((await nodeOf(item.id)).bundledIn.id, outer.id)
  })
})

test('sizes over the limits are 413', async () => {
  const big = { id: 'x', data: 'A'.repeat(17 << 20) }
  const { status } = await request(`${gateway.ar}/tx`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(big),
  })
  assert.equal(status, 413)
  const announced = await new Promise((resolve, reject) => {
    const { hostname, port } = new URL(gateway.bundler)
    const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': 5 * 2 ** 30 }
    const call = httpRequest({ hostname, port, path: '/tx', method: 'POST', headers }, resolve)
    call.on('error', reject)
    call.flushHeaders() // five gigabytes are announced and never come
  })
  assert.equal(announced.statusCode, 413)
  announced.destroy()
})
