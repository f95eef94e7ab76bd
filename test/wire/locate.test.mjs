// The functions of aoconnect that first look for a process's scheduler. Its helper asks a host of the
// public network before anything else, even in a closed one; here that host answers 404, which it
// takes for "ask the gateway". Statements E5, E6.
import './support/webcrypto.mjs'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { network } from './support/network.mjs'
import { tag, testWallet } from './support/items.mjs'

let net, ao, signer, process_

before(async () => {
  net = await network()
  const realFetch = globalThis.fetch
  globalThis.fetch = (url, options) =>
    String(url).startsWith('https://su-router.ao-testnet.xyz')
      ? Promise.resolve(new Response('', { status: 404 }))
      : realFetch(url, options)
  process.env.GRAPHQL_URL = `${net.ar}/graphql` // the helper takes it from the environment alone
  const aoconnect = await import('@permaweb/aoconnect')
  ao = aoconnect.connect({ MODE: 'legacy', MU_URL: net.mu, CU_URL: net.cu, GATEWAY_URL: net.ar })
  signer = aoconnect.createDataItemSigner(testWallet)
  process_ = await ao.spawn({ module: net.module64, scheduler: net.scheduler, signer })
})
after(() => net?.stop())

const send = (options) => ao.message({ process: process_, signer, tags: [tag('Action', 'Note')], data: 'hello', ...options })

test('E5 message can return its slot', async () => {
  assert.equal(String(await send({ returnAssignmentSlot: true })), '1')
  const { slot, id } = await send({ returnAssignmentSlot: true, returnMessageId: true })
  assert.equal(String(slot), '2')
  assert.match(id, /^[A-Za-z0-9_-]{43}$/)
})

test('E6 a message by its id', async () => {
  const messageId = await send()
  const { message, assignment } = await ao.getMessageById({ processId: process_, messageId })
  assert.equal(message.id, messageId)
  assert.equal(message.data, 'hello')
  assert.ok(assignment.tags.some(({ name }) => name === 'Nonce'))
})

test('E6 the messages of a process and its last slot', async () => {
  const last = Number(await send({ returnAssignmentSlot: true }))
  const { edges } = await ao.getMessages({ processId: process_, from: '0', to: String(Date.now()), limit: '1000' })
  assert.equal(edges.length, last, 'a lower bound leaves the process itself out')
  assert.equal(String(await ao.getLastSlot({ processId: process_ })), String(last))
})
