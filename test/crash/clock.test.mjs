// The system's clock is put back by an hour, under running units and while they are stopped. Nobody
// waits for it to catch up: records go on in order, what was to be tried again is, crons fire, and
// uploads go out.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { eventually, postItem, query, request, root, temporaryFolder } from '../wire/support/network.mjs'
import { answer, assignmentTag, entry, messageTags, printed, resultOf, schedule, sendMessage, spawnProbe, spawnProcess, tag } from '../wire/support/aos.mjs'
import { signItem } from '../wire/support/items.mjs'
import { assertChain, assertWhole, insist, startWorld } from './storm.mjs'

const soon = { within_ms: 30_000 } // an hour less than the hour
const hour_s = 3600n

// --- a clock of the programs' own ----------------------------------------------------------------

const folder = temporaryFolder()
const clockFile = join(folder, 'seconds'), library = join(folder, 'clock.so')
let behind_s = 0n

function putBack(seconds) {
  behind_s += seconds
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(-behind_s)
  writeFileSync(clockFile, bytes, { flag: 'r+' })
}

before(() => {
  writeFileSync(clockFile, Buffer.alloc(8))
  execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', library, join(root, 'test/support/clock_step.c')])
  Object.assign(process.env, { LD_PRELOAD: library, AOD_TEST_CLOCK: clockFile })
})

// --- what goes on --------------------------------------------------------------------------------

const ticking = (target) => `
Handlers.add('tick', 'Tick', function ()
  Ticks = (Ticks or 0) + 1
  Send({ Target = '${target}', Action = 'Ticked', Number = tostring(Ticks) })
end)
return 'ready'`

const tagOf = ({ message }, name) => message?.tags.find((one) => one.name === name)?.value
const ticksAt = async (net, target) =>
  (await insist(() => schedule(net, target))).map((node) => tagOf(node, 'Action') === 'Ticked' && Number(tagOf(node, 'Number')))
    .filter(Boolean)

async function assertInOrder(net, id) {
  const nodes = await insist(() => schedule(net, id))
  assertChain(id, nodes)
  const times = nodes.map((node) => Number(assignmentTag(node, 'Timestamp')))
  times.slice(1).forEach((time, i) => assert.ok(time > times[i], `timestamps of ${id}: ${times}`))
}

for (const apart of [false, true]) {
  describe(apart ? 'four programs' : 'one program', () => {
    let net, target, ticker

    before(async () => {
      net = await startWorld(apart)
      target = await spawnProbe(net)
      ticker = await spawnProcess(net, { tags: [tag('Cron-Interval', '1-second'), tag('Cron-Tag-Action', 'Tick')] })
      assert.equal(await printed(net, ticker, ticking(target)), 'ready')
      const { raw } = await signItem({ target: ticker, data: ' ' })
      const { status, text } = await request(`${net.mu}/monitor/${ticker}`, {
        method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: raw,
      })
      assert.equal(status, 200, text)
      await eventually('the first tick', async () => (await ticksAt(net, target)).length > 0)
      putBack(hour_s)
    })
    after(async () => {
      for (const program of [...(net?.programs ?? [])].reverse()) await program.stop()
      for (const { data } of net?.programs ?? []) await assertWhole(data)
    })

    test('M39 a monitored process ticks on, each tick once', async () => {
      const { length } = await ticksAt(net, target)
      const ticks = await eventually('three more ticks', async () => {
        const now = await ticksAt(net, target)
        return now.length >= length + 3 && now
      }, soon)
      assert.deepEqual(ticks.toSorted((a, b) => a - b), ticks.map((_, i) => i + 1))
    })

    test('S12 records go on, their timestamps increase', async () => {
      for (let i = 0; i < 3; i++) {
        const id = await sendMessage(net, target, { data: `message ${i}` })
        assert.equal((await resultOf(net, target, id)).Error, undefined)
      }
      await assertInOrder(net, target)
    })

    test('what a process emits arrives', async () => {
      const emitted = answer({ Output: '', Messages: [entry(ticker, { data: 'return 1' })], Spawns: [], Assignments: [] })
      await sendMessage(net, target, { data: emitted })
      await eventually('it arrives', async () =>
        (await schedule(net, ticker)).some((node) => tagOf(node, 'From-Process') === target), soon)
    })

    if (apart) test('M32 what was to be tried again in a second is not tried in an hour', async () => {
      await net.units.cu.kill()
      const data = answer({ Output: '', Messages: [entry(ticker, { data: 'tried again' })], Spawns: [], Assignments: [] })
      const { raw } = await signItem({ target, tags: messageTags(), data })
      assert.equal((await insist(() => postItem(net.mu, raw))).status, 202)
      putBack(hour_s)
      await net.units.cu.start()
      await eventually('it arrives', async () =>
        (await schedule(net, ticker)).some(({ message }) => message?.data === 'tried again'), soon)
    })

    if (apart) test('S38 what waits for an upload goes out', async () => {
      await net.units.ar.kill()
      const id = await insist(() => sendMessage(net, target, { data: 'uploaded later' }))
      putBack(hour_s)
      await net.units.ar.start()
      await eventually('it is on Arweave', async () =>
        (await query(net, `{ transactions(ids: ["${id}"]) { edges { node { id } } } }`)).transactions.edges.length === 1, soon)
    })

    test('S37 units that start while the clock is behind go on', async () => {
      for (const program of [...net.programs].reverse()) await program.stop()
      putBack(hour_s)
      for (const program of net.programs) await program.start()
      const id = await insist(() => sendMessage(net, target, { data: 'after a restart' }))
      assert.equal((await insist(() => resultOf(net, target, id))).Error, undefined)
      await assertInOrder(net, target)
      const emitted = answer({ Output: '', Messages: [entry(ticker, { data: 'restarted' })], Spawns: [], Assignments: [] })
      await insist(() => sendMessage(net, target, { data: emitted }))
      await eventually('it arrives', async () =>
        (await schedule(net, ticker)).some(({ message }) => message?.data === 'restarted'), soon)
      await eventually('it is on Arweave', async () =>
        (await query(net, `{ transactions(ids: ["${id}"]) { edges { node { id } } } }`)).transactions.edges.length === 1, soon)
    })
  })
}
