// Conformance, data and common behaviour: statements C1-C10.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertRefused, network, postItem, request } from './support/network.mjs'
import { given, messageTags, printed, processTags, resultOf, schedule, sendMessage, spawnProbe, spawnProcess, tag } from './support/aos.mjs'
import { ethereumSigner, sha256, signItem, signItemWithAnyTags, unknownId } from './support/items.mjs'

const base64url43 = /^[A-Za-z0-9_-]{43}$/
let net, process

before(async () => {
  net = await network()
  process = await spawnProcess(net)
})
after(() => net?.stop())

test('C1 ids, addresses and assignment ids are 43 characters of base64url', async () => {
  const [{ message, assignment }] = await schedule(net, process)
  for (const id of [process, net.scheduler, net.authority, message.id, assignment.id, assignment.owner.address]) {
    assert.match(id, base64url43)
  }
})

for (const saltLength of [0, 32, 478]) {
  test(`C2 an RSA-PSS signature with a salt of ${saltLength} bytes verifies`, async () => {
    const { id, raw } = await signItem({ target: process, tags: messageTags(), saltLength })
    assert.equal((await postItem(net.mu, raw)).status, 202)
    assert.equal((await resultOf(net, process, id)).Error, undefined)
  })
}

test('C3 an item with a flipped data byte is refused by MU and SU', async () => {
  const { raw } = await signItem({ target: process, tags: messageTags(), data: 'hello' })
  const before = (await schedule(net, process)).length
  raw[raw.length - 1] ^= 1
  assertRefused(await postItem(net.mu, raw), /signed data item/)
  assertRefused(await postItem(net.su, raw))
  assert.equal((await schedule(net, process)).length, before)
})

test('C4 a message signed with an Ethereum key: the SU hashes the key, the process sees the EIP-55 address', async () => {
  const probe = await spawnProbe(net)
  const { signer, address } = ethereumSigner()
  const { id, raw } = await signItem({ signer, target: probe, tags: messageTags() })
  const { status, text } = await postItem(net.mu, raw)
  assert.equal(status, 202, text)
  const { message } = (await schedule(net, probe)).find(({ message }) => message.id === id)
  assert.equal(message.owner.key, signer.publicKey.toString('base64url'))
  assert.equal(message.owner.address, sha256(signer.publicKey).toString('base64url'))
  const seen = (await given(net, probe, id)).message
  assert.equal(seen.Owner, address)
  assert.equal(seen.From, address)
})

test('C5 MU and CU answer any origin, and a preflight on every route', async () => {
  const origin = { Origin: 'https://app.example' }
  const preflight = { ...origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' }
  const urls = [net.mu, `${net.mu}/monitor/${process}`, `${net.cu}/`, `${net.cu}/result/${process}`,
    `${net.cu}/results/${process}`, `${net.cu}/dry-run`]
  for (const url of urls) {
    const { status, headers } = await request(url, { method: 'OPTIONS', headers: preflight })
    assert.ok(status === 200 || status === 204, `${url}: ${status}`)
    assert.equal(headers.get('access-control-allow-origin'), '*', url)
    assert.match(headers.get('access-control-allow-methods'), /POST/)
    assert.match(headers.get('access-control-allow-methods'), /DELETE/)
    assert.match(headers.get('access-control-allow-headers'), /content-type/i)
  }
  for (const url of [net.mu, net.cu, `${net.cu}/result/${process}?process-id=${process}`, `${net.cu}/nothing/here`]) {
    const { headers } = await request(url, { headers: origin })
    assert.equal(headers.get('access-control-allow-origin'), '*', url)
  }
})

test('C6 the SU can be read from another origin', async () => {
  for (const path of ['', '/timestamp', `/${process}?process-id=${process}`, `/processes/${process}`]) {
    const { headers } = await request(net.su + path, { headers: { Origin: 'https://app.example' } })
    assert.match(headers.get('access-control-allow-origin'), /^(\*|https:\/\/app\.example)$/, path)
  }
})

test('C7 errors of every unit are JSON with a string error', async () => {
  assertRefused(await postItem(net.mu, 'no item'))
  assertRefused(await postItem(net.su, 'no item'))
  assertRefused(await request(`${net.su}/${unknownId}?process-id=${unknownId}`))
  assertRefused(await request(`${net.su}/processes/${unknownId}`))
  assertRefused(await request(`${net.cu}/result/${unknownId}?process-id=${process}`))
  assertRefused(await request(`${net.cu}/dry-run?process-id=${unknownId}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"Owner":"me","Tags":[]}',
  }))
  for (const unit of [net.mu, net.su, net.cu]) assertRefused(await request(`${unit}/no/such/route/here`))
})

test('C8 unknown tags, repeated tags and any Variant are no reason to refuse', async () => {
  const odd = [tag('Variant', 'ao.LN.7'), tag('Data-Protocol', 'ao'), tag('Type', 'Message'),
    tag('X-Odd', '1'), tag('X-Odd', '2'), tag('Variant', 'ao.TN.1'), tag('ünïcode', '≈')]
  const { id, raw } = await signItem({ target: process, tags: odd })
  assert.equal((await postItem(net.mu, raw)).status, 202)
  assert.equal((await resultOf(net, process, id)).Error, undefined)
  const { message } = (await schedule(net, process)).find(({ message }) => message.id === id)
  assert.deepEqual(message.tags, odd)
})

test('C9 bodies of 10 MiB are accepted by MU and SU, larger ones are refused with 413', async () => {
  const limit = 10 * 1024 * 1024
  const overhead = (await signItem({ target: process, tags: messageTags(), data: '' })).raw.length
  for (const unit of [net.mu, net.su]) {
    const item = await signItem({ target: process, tags: messageTags(), data: Buffer.alloc(limit - overhead, 'x') })
    assert.equal(item.raw.length, limit)
    const { status, text } = await postItem(unit, item.raw)
    assert.ok(status === 202 || status === 200, `${unit}: ${status} ${text}`)
    const large = await signItem({ target: process, tags: messageTags(), data: Buffer.alloc(limit - overhead + 1, 'x') })
    assert.equal((await postItem(unit, large.raw)).status, 413, unit)
  }
  assert.equal(await printed(net, process, 'return 6 * 7'), '42')
})

test('C10 up to 128 tags and 4096 bytes of tags parse', async () => {
  const many = Array.from({ length: 125 }, (_, i) => tag(`t${i}`, 'v'))
  const id = await sendMessage(net, process, { tags: many })
  assert.equal((await resultOf(net, process, id)).Error, undefined)
  const { message } = (await schedule(net, process)).find(({ message }) => message.id === id)
  assert.equal(message.tags.length, 128)
})

test('C10 an item without tags parses: it is refused for what it lacks, not for how it looks', async () => {
  const { raw } = await signItem({ target: process, tags: [] })
  assertRefused(await postItem(net.mu, raw), /Data-Protocol/)
})

test('C10 4096 bytes of tags parse, one more is refused', async () => {
  const tags = messageTags(...[1, 2, 3, 4].map((i) => tag(`t${i}`, 'x'.repeat(900))))
  const padded = (bytes) => signItemWithAnyTags({ target: process, tags: [...tags, tag('pad', 'x'.repeat(bytes))] })
  const bytesOfTags = ({ raw }) => Number(raw.readBigUInt64LE(2 + 512 + 512 + 33 + 1 + 8))
  const room = 4096 - bytesOfTags(await padded(100)) + 100
  const [fits, tooMany] = [await padded(room), await padded(room + 1)]
  assert.deepEqual([fits, tooMany].map(bytesOfTags), [4096, 4097])
  assert.equal((await postItem(net.mu, fits.raw)).status, 202)
  assertRefused(await postItem(net.mu, tooMany.raw), /signed data item/)
})
