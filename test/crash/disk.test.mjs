// Disks that are full, become read-only or fail under running programs. Whoever cannot keep a message refuses it and says so; what was
// acknowledged stays; and when the disk is well again the work goes on, without a restart.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { assertRefused, eventually, getJson, postItem, program, request, runProgram, temporaryFolder } from '../wire/support/network.mjs'
import { answer, entry, messageTags, peek, printed, resultOf, schedule, spawnProbe, spawnProcess, tag } from '../wire/support/aos.mjs'
import { addressOf, ethereumSigner, signItem, testWallet } from '../wire/support/items.mjs'
import { makeBreakingDisk, makeRefusingDisk, makeSmallDisk, whyNot, whyNotBreak } from './disk.mjs'
import { assertChain, assertWhole, insist, startWorld } from './storm.mjs'

const kinds = {
  'a full disk': { make: makeSmallDisk, words: 'the disk is full; make room', skip: whyNot },
  'a disk that becomes read-only': { make: () => makeRefusingDisk('EROFS'), words: 'the disk is read-only; make it writable' },
  'a disk that fails': { make: () => makeRefusingDisk('EIO'), words: 'the disk fails' },
}
const counter = `Count = 0
Handlers.add('add', 'Add', function (msg) Count = Count + 1 end)
return Count`

let messages = 0
const newMessage = (target, bytes) => signItem({
  signer: ethereumSigner().signer, target, tags: messageTags(tag('Action', 'Add')), data: String(++messages).padEnd(bytes),
})

// A network with one program on a disk of its own, a process that counts, and a way to post to it.
async function startOn(unit, kind, megabytes = 24) {
  const disk = await kind.make(megabytes)
  const net = await startWorld(unit !== 'dev', { [unit]: disk })
  const target = await spawnProcess(net)
  assert.equal(await printed(net, target, counter), '0')
  const acknowledged = []
  async function add(at = net.mu) {
    const { id, raw } = await newMessage(target, 9000)
    const posted = await insist(() => postItem(at, raw))
    if (posted.status < 300) acknowledged.push(id)
    return posted
  }
  const refused = (at) => eventually('a message is refused', async () => {
    const posted = await add(at)
    return posted.status >= 400 && posted
  })
  const assertSaid = (refusal, by = unit) => {
    assert.equal(refusal.status, 507)
    assertRefused(refusal, new RegExp(`${by}: .*${kind.words}`))
  }
  return { disk, net, target, acknowledged, add, refused, assertSaid }
}

const countOf = (net, target) => insist(() => peek(net, target, 'return Count', addressOf(testWallet)))

// What was acknowledged is there, in order, once; nothing else is; and every folder is whole.
async function assertNothingLost({ net, target, acknowledged }) {
  const check = async () => {
    const nodes = await insist(() => schedule(net, target))
    assertChain(target, nodes)
    const added = nodes.filter(({ message }) => message?.tags.some(({ name, value }) => name === 'Action' && value === 'Add'))
    assert.deepEqual(added.map(({ message }) => message.id).toSorted(), acknowledged.toSorted())
    assert.equal(await countOf(net, target), String(acknowledged.length))
  }
  await check()
  for (const one of [...net.programs].reverse()) await one.stop()
  for (const one of net.programs) await one.start()
  await check()
}

async function stopOn({ net, disk }) {
  for (const one of [...(net?.programs ?? [])].reverse()) await one.stop()
  for (const { data } of net?.programs ?? []) await assertWhole(data, data === disk.dir ? disk : {})
  disk.remove()
}

for (const [name, kind] of Object.entries(kinds)) describe(name, { skip: kind.skip }, () => {
  test('of the scheduler: messages are refused, and accepted again when it is well', async () => {
    const world = await startOn('su', kind)
    const { disk, net, add, refused, assertSaid } = world
    disk.fail()
    assertRefused(await refused(), new RegExp(`su: .*${kind.words}`))
    assertSaid(await refused(net.su))
    assert.equal((await getJson(`${net.su}/processes/${world.target}`)).process_id, world.target, 'reading goes on')
    disk.heal()
    assert.equal((await add()).status, 202)
    await assertNothingLost(world)
    await stopOn(world)
  })

  test('of the messenger: the same, and what it had accepted arrives once', async () => {
    const world = await startOn('mu', kind)
    const { disk, net, target, add, refused, assertSaid } = world
    const sender = await spawnProbe(net)
    await net.units.cu.stop()
    const emitted = answer({ Output: '', Messages: [entry(target, { data: 'late' })], Spawns: [], Assignments: [] })
    const { id, raw } = await signItem({ target: sender, tags: messageTags(), data: emitted })
    assert.equal((await insist(() => postItem(net.mu, raw))).status, 202)
    disk.fail()
    assertSaid(await refused())
    await net.units.cu.start()
    assert.equal((await resultOf(net, sender, id)).Messages.length, 1)
    disk.heal()
    assert.equal((await add()).status, 202)
    const late = async () => (await insist(() => schedule(net, target))).filter(({ message }) => message?.data === 'late').length
    await eventually('what was emitted meanwhile arrives', async () => await late() === 1)
    await assertNothingLost(world)
    assert.equal(await late(), 1)
    await stopOn(world)
  })

  test('of the compute unit: messages are evaluated and answered, and their results listed when it is well', async () => {
    const world = await startOn('cu', kind)
    const { disk, net, target, add } = world
    disk.fail()
    for (let i = 0; i < 5; i++) assert.equal((await add()).status, 202)
    assert.equal(await countOf(net, target), '5', 'what needs no disk goes on')
    assert.equal((await resultOf(net, target, world.acknowledged[0])).Error, undefined)
    disk.heal()
    const { edges } = await getJson(`${net.cu}/results/${target}?limit=1000`)
    assert.equal(edges.length, (await schedule(net, target)).length, 'each message has one result')
    await assertNothingLost(world)
    await stopOn(world)
  })

  test('of the gateway: uploads are refused, messages are not, and go up when it is well', async () => {
    const world = await startOn('ar', kind)
    const { disk, net, add, assertSaid } = world
    disk.fail()
    const { raw } = await signItem({ data: 'x'.repeat(100_000) })
    const refusal = await eventually('an upload is refused', async () => {
      const posted = await postItem(`${net.bundler}/tx`, (await signItem({ data: 'y'.repeat(9000) })).raw)
      return posted.status >= 400 && posted
    })
    assertSaid(refusal)
    const large = await postItem(`${net.bundler}/tx`, (await signItem({ data: 'z'.repeat(600_000) })).raw)
    assertSaid(large)
    for (let i = 0; i < 3; i++) assert.equal((await add()).status, 202)
    disk.heal()
    assert.equal((await postItem(`${net.bundler}/tx`, raw)).status, 200)
    for (const id of world.acknowledged)
      await eventually('it is on Arweave', async () => (await request(`${net.ar}/tx/${id}/data`)).status === 200 || (await request(`${net.ar}/${id}`)).status === 200)
    await assertNothingLost(world)
    await stopOn(world)
  })

  test('of all of them together', async () => {
    const world = await startOn('dev', kind)
    const { disk, add, refused, assertSaid } = world
    disk.fail()
    assertSaid(await refused(), '')
    disk.heal()
    for (let i = 0; i < 3; i++) assert.equal((await add()).status, 202)
    await assertNothingLost(world)
    await stopOn(world)
  })

  test('that fails and is well again under load loses nothing that was acknowledged', async () => {
    const world = await startOn('dev', kind, 256) // five databases, each with a log of up to 32 MB
    const { disk, add } = world
    const client = async () => { for (let i = 0; i < 60; i++) await add() }
    const filler = (async () => {
      for (let i = 0; i < 4; i++) {
        disk.fail()
        await new Promise((resume) => setTimeout(resume, 200))
        disk.heal()
        await new Promise((resume) => setTimeout(resume, 100))
      }
    })()
    await Promise.all([client(), client(), client(), client(), filler])
    assert.ok(world.acknowledged.length > 0)
    await assertNothingLost(world)
    await stopOn(world)
  })
})

test('a file system that makes itself read-only takes nothing more, answers, and has all of it when it is repaired', { skip: whyNotBreak }, async () => {
  const world = await startOn('dev', { make: makeBreakingDisk, words: 'the disk is read-only; make it writable' })
  const { disk, net, target, acknowledged, add, refused, assertSaid } = world
  for (let i = 0; i < 3; i++) await add()
  disk.fail()
  assertSaid(await refused(), '')
  assert.equal(await countOf(net, target), String(acknowledged.length))
  await net.programs[0].stop()
  disk.repair()
  await net.programs[0].start()
  assert.equal((await add()).status, 202)
  await assertNothingLost(world)
  await stopOn(world)
})

test('a file that may not grow any more is like a disk that is full', async () => {
  const data = temporaryFolder()
  const net = await startWorld(false, { dev: { dir: data, via: ['prlimit', '--fsize=3000000:'] } })
  const target = await spawnProcess(net)
  const refusal = await eventually('a message is refused', async () => {
    const posted = await postItem(net.mu, (await newMessage(target, 90_000)).raw)
    return posted.status >= 400 && posted
  })
  assertRefused(refusal, /ulimit -f|disk I\/O error/)
  await net.programs[0].kill()
  await assertWhole(data)
})

describe('a disk that is read-only', { skip: whyNot }, () => {
  test('refuses to start with a text that says why, and starts once it is writable', async () => {
    const disk = await makeSmallDisk(24)
    disk.remount('ro')
    for (const args of [['dev', '--port-base', '0'], ['su', '--port', '0', '--gateway-url', 'http://127.0.0.1:1', '--upload', 'http://127.0.0.1:1']]) {
      const run = runProgram([...args, '--data', disk.dir], { via: disk.via })
      const { code } = await run.ended
      assert.equal(code, 7, run.err)
      assert.match(run.err, /cannot write in the data folder: .*: the disk is read-only; make it writable/)
    }
    disk.remount('rw')
    const net = await startWorld(false, { dev: disk })
    assert.equal(await printed(net, await spawnProcess(net), 'return 1'), '1')
    await stopOn({ net, disk })
  })
})

test('a folder that may not be written is refused with a text that says why', { skip: process.getuid() === 0 && spawnSync('setpriv', ['--reuid=65534', '--clear-groups', program, '--version']).status !== 0 && 'no other user can run the program' }, async () => {
  const folder = join(temporaryFolder(), 'locked')
  mkdirSync(folder, { mode: 0o500 })
  const via = process.getuid() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups'] : []
  const run = runProgram(['dev', '--port-base', '0', '--data', folder], { via })
  const { code } = await run.ended
  assert.equal(code, 7, run.err)
  assert.match(run.err, /may not write there; change the owner or the mode/)
})
