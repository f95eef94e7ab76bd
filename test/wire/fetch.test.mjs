// aod fetch: from our own gateway, and from gateways that lie.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import Arweave from 'arweave'
import { eventually, request, runProgram, temporaryFolder } from './support/network.mjs'
import { addressOf, ethereumSigner, sha256, signItem, tag, testWallet, unknownId } from './support/items.mjs'

const folder = temporaryFolder()
const hex = (bytes) => sha256(bytes).toString('hex')

let gateway
before(async () => {
  const portsFile = join(folder, 'ports.json')
  const run = runProgram(['gateway', '--port', '0', '--block-ms', '100', '--ports-file', portsFile])
  const { ar } = await eventually('the gateway is ready', () => existsSync(portsFile) && JSON.parse(readFileSync(portsFile, 'utf8')))
  gateway = { run, url: ar }
})
after(async () => {
  gateway.run.signal('SIGTERM')
  await gateway.run.ended
})

async function fetchWith(id, ...gateways) {
  const out = join(folder, `out-${Math.random()}`)
  const run = runProgram(['fetch', id, '--out', out, '--rounds', '2', '--timeout-ms', '3000', ...gateways.flatMap((url) => ['--gateway', url])])
  const { code } = await run.ended
  return { code, err: run.err, json: run.out && JSON.parse(run.out), data: existsSync(out) ? readFileSync(out) : undefined }
}

async function upload(item) {
  const { id, raw } = await signItem(item)
  const { status, text } = await request(`${gateway.url}/tx`, { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: raw })
  assert.equal(status, 200, text)
  return id
}

// The gateway, seen through somebody who changes what it says: (path, body) => body.
async function liar(change) {
  const server = createServer(async (req, res) => {
    const chunks = []
    for await (const chunk of req) chunks.push(chunk)
    const answer = await fetch(gateway.url + req.url, { method: req.method,
      ...(req.method === 'POST' ? { headers: { 'Content-Type': 'application/json' }, body: Buffer.concat(chunks) } : {}) })
    const body = Buffer.from(await answer.arrayBuffer())
    const changed = answer.ok ? change(req.url, body) : body
    lie.asked++
    if (changed === undefined) return res.destroy()
    res.writeHead(answer.status, { 'Content-Length': changed.cut ? body.length : changed.length })
    if (changed.cut) res.write(changed.cut, () => res.destroy())
    else res.end(changed)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const lie = { url: `http://127.0.0.1:${server.address().port}`, asked: 0, close: () => { server.closeAllConnections(); server.close() } }
  return lie
}

describe('from a gateway that tells the truth', () => {
  test('items, with everything they say', async () => {
    const data = Buffer.from([0, 1, 2, 255])
    for (const signer of [undefined, ethereumSigner().signer]) {
      const id = await upload({ signer, data, tags: [tag('Content-Type', 'x/y'), tag('A', 'ä')], target: addressOf(testWallet) })
      const got = await fetchWith(id, gateway.url)
      assert.equal(got.code, 0, got.err)
      assert.equal(got.json.id, id)
      assert.equal(got.json.target, addressOf(testWallet))
      assert.deepEqual(got.json.tags, [tag('Content-Type', 'x/y'), tag('A', 'ä')])
      assert.equal(got.json.dataSha256, hex(data))
      assert.deepEqual(got.data, data)
    }
  })

  test('transactions, data inside and in chunks', async () => {
    const { hostname: host, port } = new URL(gateway.url)
    const arweave = Arweave.init({ host, port, protocol: 'http' })
    for (const size of [10, 300_000]) {
      const data = Buffer.alloc(size, 'transaction data ')
      const transaction = await arweave.createTransaction({ data }, testWallet)
      await arweave.transactions.sign(transaction, testWallet)
      const uploader = await arweave.transactions.getUploader(transaction)
      while (!uploader.isComplete) await uploader.uploadChunk()
      await request(`${gateway.url}/mine`)
      const got = await fetchWith(transaction.id, gateway.url)
      assert.equal(got.code, 0, got.err)
      assert.equal(got.json.address, addressOf(testWallet))
      assert.equal(hex(got.data), hex(data))
    }
  })

  test('what nobody has is not found', async () => {
    const { code, err, json } = await fetchWith(unknownId, gateway.url)
    assert.equal(code, 3)
    assert.match(err, /404/)
    assert.equal(json, '')
  })
})

describe('from a gateway that lies', () => {
  const withData = (change) => (path, body) => (path.startsWith('/raw/') || /^\/[\w-]{43}$/.test(path) ? change(body) : body)
  const withGraphql = (change) => (path, body) => {
    if (path !== '/graphql') return body
    const json = JSON.parse(body)
    json.data.transactions.edges.forEach(({ node }) => change(node))
    return Buffer.from(JSON.stringify(json))
  }
  let other
  before(async () => { other = await upload({ data: 'something else' }) })

  const lies = {
    'wrong bytes': withData((body) => Buffer.from(body).fill('x', 3, 4)),
    'truncated': withData((body) => body.subarray(0, -1)),
    'cut off': withData((body) => ({ cut: body.subarray(0, 5) })),
    'more than there is': withData((body) => Buffer.concat([body, Buffer.from('x')])),
    'nothing': withData(() => Buffer.alloc(0)),
    'hung up': () => undefined,
    'a changed tag': withGraphql((node) => { node.tags[0].value = 'a lie' }),
    'a tag more': withGraphql((node) => { node.tags.push(tag('Not', 'signed')) }),
    'another owner': withGraphql((node) => { node.owner.key = sha256('x').toString('base64url') }),
    'another signature': withGraphql((node) => { node.signature = Buffer.alloc(512, 1).toString('base64url') }),
    'a page instead': () => Buffer.from('<html>Welcome</html>'),
  }

  for (const [name, change] of Object.entries(lies)) {
    test(`${name}: nothing gets through, and the next one is asked`, async () => {
      const id = await upload({ data: 'nothing but the truth', tags: [tag('Type', 'Truth')] })
      const lie = await liar(change)
      try {
        const alone = await fetchWith(id, lie.url)
        assert.equal(alone.code, 6, `${alone.code}: ${alone.err}`)
        assert.ok(alone.err.includes(lie.url), alone.err)
        assert.equal(alone.json, '')
        assert.equal(alone.data, undefined)
        lie.asked = 0
        const got = await fetchWith(id, lie.url, gateway.url)
        assert.equal(got.code, 0, got.err)
        assert.equal(got.data.toString(), 'nothing but the truth')
        assert.ok(lie.asked > 0)
      } finally {
        lie.close()
      }
    })
  }

  test("another item's answers are no answer", async () => {
    const id = await upload({ data: 'the one' })
    const lie = await liar((path, body) => body)
    const swap = createServer((req, res) => {
      const chunks = []
      req.on('data', (chunk) => chunks.push(chunk))
      req.on('end', async () => {
        const to = (text) => text.replaceAll(id, other)
        const answer = await fetch(lie.url + to(req.url), { method: req.method, ...(req.method === 'POST' ? { body: to(Buffer.concat(chunks).toString()) } : {}) })
        res.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()))
      })
    })
    await new Promise((resolve) => swap.listen(0, '127.0.0.1', resolve))
    const got = await fetchWith(id, `http://127.0.0.1:${swap.address().port}`)
    assert.equal(got.code, 6, got.err)
    assert.match(got.err, /another/)
    assert.equal(got.data, undefined)
    swap.closeAllConnections()
    swap.close()
    lie.close()
  })
})

test('a file is written whole or not at all, and what is wrong is named', async () => {
  const id = await upload({ data: 'x' })
  const run = runProgram(['fetch', id, '--gateway', gateway.url, '--out', '/no/such/folder/file'])
  assert.equal((await run.ended).code, 3)
  assert.match(run.err, /no\/such\/folder/)
  for (const args of [['fetch'], ['fetch', 'short'], ['fetch', id, '--rounds', '0']]) {
    const wrong = runProgram(args)
    assert.equal((await wrong.ended).code, 64, wrong.err)
  }
})
