// Units that are away while others work: nothing is lost, nothing comes twice. Statements M31-M33.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually, postItem, request } from '../wire/support/network.mjs'
import { answer, entry, messageTags, schedule, spawnProbe, valueOf } from '../wire/support/aos.mjs'
import { signItem } from '../wire/support/items.mjs'
import { startWorld } from './storm.mjs'

let net, sender, target

before(async () => {
  net = await startWorld(true)
  ;[sender, target] = [await spawnProbe(net), await spawnProbe(net)]
})
after(async () => {
  for (const program of [...(net?.programs ?? [])].reverse()) await program.stop()
})

// Let the sender say `data` to the target; accepted, but nobody waits for what follows.
async function say(data) {
  const emitted = answer({ Output: '', Messages: [entry(target, { data })], Spawns: [], Assignments: [] })
  const { raw } = await signItem({ target: sender, tags: messageTags(), data: emitted })
  const { status, text } = await eventually('the messenger answers', () => postItem(net.mu, raw).catch(() => null))
  assert.equal(status, 202, text)
}

const heard = async (data) => (await eventually('the scheduler answers', () => schedule(net, target).catch(() => null)))
  .filter(({ message }) => message?.data === data && valueOf(message.tags, 'From-Process') === sender).length

async function assertHeardOnce(data) {
  await eventually(`the target hears ${data}`, async () => (await heard(data)) > 0, { within_ms: 60_000 })
  await say(`after ${data}`)
  await eventually('what came after', async () => (await heard(`after ${data}`)) === 1, { within_ms: 60_000 })
  assert.equal(await heard(data), 1)
}

test('M32 while the compute unit is away messages are accepted, and carried on when it is back', async () => {
  await net.units.cu.kill()
  await say('without CU')
  assert.equal(await heard('without CU'), 0)
  await net.units.cu.start()
  await assertHeardOnce('without CU')
})

test('M31 while the scheduler is away what processes emit waits, and arrives once', async () => {
  await net.units.cu.kill()
  await say('without SU')
  await net.units.su.kill()
  await net.units.cu.start()
  const refusal = await eventually('the messenger says that it cannot', async () => {
    const { raw } = await signItem({ target: sender, tags: messageTags() })
    return postItem(net.mu, raw).catch(() => null)
  })
  assert.ok(refusal.status >= 500, `${refusal.status} ${refusal.text}`)
  assert.equal(typeof refusal.json.error, 'string')
  await net.units.su.start()
  await assertHeardOnce('without SU')
})

test('M33 a messenger that was killed carries on what it had accepted', async () => {
  await net.units.cu.kill()
  await say('killed')
  await net.units.mu.kill()
  await net.units.mu.start()
  await net.units.cu.start()
  await assertHeardOnce('killed')
})

test('messages to processes are delayed by nothing but what they need: the gateway may be away', async () => {
  await net.units.ar.kill()
  await say('without gateway')
  await assertHeardOnce('without gateway')
  await net.units.ar.start()
  assert.equal((await eventually('the gateway answers', () => request(`${net.ar}/info`).catch(() => null))).status, 200)
})
