// Units on wallets of every kind: what they sign verifies with arbundles, processes trust what the
// messenger signs, and clients find the scheduler.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { arrival, evaluate, printed, schedule, spawnProcess } from './support/aos.mjs'
import { bytesOf, sha256, verifies } from './support/items.mjs'
import { eventually, query, request, runProgram, startNetwork, temporaryFolder } from './support/network.mjs'

const types = { rsa: 1, ed25519: 2, secp256k1: 3 }

async function newWallet(kind) {
  const file = join(temporaryFolder(), 'wallet.json')
  const run = runProgram(['wallet', 'new', '--kind', kind, '--out', file])
  assert.equal((await run.ended).code, 0, run.err)
  return { file, ...JSON.parse(run.out) }
}

// Anchors are shown as text where they are text, else they are random bytes that GraphQL knows.
async function anchorOf(net, id) {
  const { transactions } = await eventually(`the gateway has ${id}`, async () => {
    const answer = await query(net, 'query($ids: [ID!]) { transactions(ids: $ids) { edges { node { anchor } } } }', { ids: [id] })
    return answer.transactions.edges.length && answer
  })
  return bytesOf(transactions.edges[0].node.anchor)
}

for (const [kind, type] of Object.entries(types)) {
  test(`${kind}: assignments and pushed messages verify, and are trusted`, async () => {
    const wallet = await newWallet(kind)
    const net = await startNetwork({ args: ['--wallet', wallet.file] })
    try {
      assert.equal(net.scheduler, wallet.address)
      assert.equal(net.authority, wallet.aoAddress)
      const sender = await spawnProcess(net), receiver = await spawnProcess(net)
      await evaluate(net, sender, `Send({ Target = '${receiver}', Action = 'Greet', Data = 'hello' })`)
      const { message, assignment } = await arrival(net, receiver, ({ data }) => data === 'hello')

      for (const { id, owner, signature, tags, data, target } of [message, { data: '', target: '', ...assignment }]) {
        assert.equal(owner.address, wallet.address)
        assert.equal(owner.key, wallet.owner)
        assert.equal(sha256(bytesOf(signature)).toString('base64url'), id)
        const anchor = await anchorOf(net, id)
        const text = data || (await request(`${net.ar}/raw/${id}`)).bytes
        assert.ok(await verifies({ type, owner: owner.key, target: target || undefined, anchor: anchor.length ? anchor : null, tags, data: text, signature }), id)
      }
      assert.equal(await printed(net, receiver, 'return Inbox[#Inbox].Data'), 'hello')
      assert.equal(await printed(net, receiver, 'return Inbox[#Inbox].Owner'), wallet.aoAddress)
      for (const node of await schedule(net, sender)) assert.equal(node.assignment.owner.address, wallet.address)
    } finally {
      await net.kill()
    }
  })
}

test('each unit may have a wallet of its own', async () => {
  const [common, mu, su, cu] = await Promise.all(['ed25519', 'secp256k1', 'ed25519', 'ed25519'].map(newWallet))
  const net = await startNetwork({ args: [
    '--wallet', common.file, '--mu-wallet', mu.file, '--su-wallet', su.file, '--cu-wallet', cu.file,
  ] })
  try {
    assert.equal(net.scheduler, su.address)
    assert.equal(net.authority, mu.aoAddress)
    assert.equal((await request(net.su)).json.address, su.address)
    assert.equal((await request(net.cu)).json.address, cu.address)
    const sender = await spawnProcess(net), receiver = await spawnProcess(net)
    await evaluate(net, sender, `Send({ Target = '${receiver}', Action = 'Greet', Data = 'hello' })`)
    const { message, assignment } = await arrival(net, receiver, ({ data }) => data === 'hello')
    assert.equal(message.owner.address, mu.address)
    assert.equal(assignment.owner.address, su.address)
    const { transactions } = await query(net, `{ transactions(owners: ["${su.address}"], tags: [{ name: "Type", values: ["Scheduler-Location"] }]) { edges { node { id } } } }`)
    assert.equal(transactions.edges.length, 1)
  } finally {
    await net.stop()
  }
})
