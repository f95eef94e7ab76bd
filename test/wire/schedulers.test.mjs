// A network of several schedulers, each with a wallet of its own. Messenger and compute unit are told
// of none: they find each process's by what its wallet published on Arweave (units.md 5.1).
// Statements M2, M3, M11, M16, M24-M26, M28, M41 where processes have different schedulers.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { assertRefused, eventually, freePorts, getJson, postItem, program, query, request, startProgram, temporaryFolder } from './support/network.mjs'
import { arrival, emit, entry, outputOf, peek, printed, resultOf, schedule, sendMessage, spawnProbe, spawnProcess, tag, valueOf } from './support/aos.mjs'
import { addressOf, sha256, signItem, testWallet, unknownId } from './support/items.mjs'

let programs, net, first, second, routed

function newWallet() {
  const file = join(temporaryFolder(), 'wallet.json')
  execFileSync(program, ['wallet', 'new', '--kind', 'ed25519', '--out', file], { stdio: 'ignore' })
  return file
}

async function start(command, ...args) {
  const data = temporaryFolder()
  const one = await startProgram(command, ['--data', data, ...args])
  programs.push(one)
  return { data, ...one }
}

// A scheduler that publishes where it answers; answers the network as its users see it.
async function startScheduler(arweave, wallet = newWallet()) {
  const port = await freePorts(1)
  const { info, stop, data } = await start('su', '--port', String(port), '--wallet', wallet, '--announce-url', `http://127.0.0.1:${port}/`, ...arweave)
  return { su: info.su, scheduler: info.scheduler, wallet, stop, data }
}

before(async () => {
  programs = []
  const { info: { ar, bundler, modules } } = await start('serve', '--units', 'ar', '--ar-port', '0', '--bundler-port', '0')
  const arweave = ['--gateway-url', ar, '--upload', bundler]
  const one = await startScheduler(arweave), two = await startScheduler(arweave)

  // A third wallet's processes are spread over two schedulers behind a router.
  const wallet = newWallet(), list = join(temporaryFolder(), 'schedulers.json')
  const behind = []
  for (let i = 0; i < 2; i++) behind.push((await start('su', '--port', '0', '--wallet', wallet, ...arweave)).info)
  writeFileSync(list, JSON.stringify(behind.map(({ su }) => ({ url: su }))))
  const router = await start('router', '--port', '0', '--schedulers', list)
  const announcer = await start('su', '--port', '0', '--wallet', wallet, '--announce-url', router.info.su, ...arweave)
  assert.equal(announcer.info.scheduler, behind[0].scheduler)

  const { info: { cu } } = await start('cu', '--port', '0', ...arweave)
  const { info: { mu, authority } } = await start('mu', '--port', '0', ...arweave, '--computer-url', cu)
  net = { ar, bundler, mu, cu, authority, modules, module64: modules.aos2_0_6 }
  first = { ...net, ...one }
  second = { ...net, ...two }
  routed = { ...net, su: router.info.su, scheduler: behind[0].scheduler, behind: behind.map(({ su }) => su) }
  for (const { scheduler } of [first, second, routed]) {
    await eventually(`where ${scheduler} answers is on Arweave`, async () => (await query(net,
      `{ transactions(owners: ["${scheduler}"], tags: [{ name: "Type", values: ["Scheduler-Location"] }]) { edges { node { id } } } }`,
    )).transactions.edges.length)
  }
})
after(async () => {
  for (const one of [...(programs ?? [])].reverse()) await one.stop()
})

test('M2 M3 processes and messages go to the scheduler that the process names', async () => {
  for (const [mine, other] of [[first, second], [second, first]]) {
    const process = await spawnProcess(mine)
    assert.equal(await printed(mine, process, 'return 6 * 7'), '42')
    assert.equal((await schedule(mine, process)).length, 2)
    assert.equal((await getJson(`${mine.su}/processes/${process}`)).process_id, process)
    assertRefused(await request(`${other.su}/processes/${process}`), /not found/i)
  }
})

test('M16 a message crosses from one scheduler to another, and the answer back', async () => {
  const here = await spawnProcess(first), there = await spawnProcess(second)
  await printed(second, there, `Handlers.add('ask', 'Ask', function (msg) msg.reply({ Data = 'pong ' .. msg.Data }) end) return 1`)
  await printed(first, here, `
    Handlers.add('go', 'Go', function (msg)
      Answer = Send({ Target = '${there}', Action = 'Ask', Data = msg.Data }).receive().Data
    end)
    return 1`)
  await sendMessage(first, here, { tags: [tag('Action', 'Go')], data: 'ping' })
  await eventually('the answer', async () => await peek(first, here, 'return Answer', addressOf(testWallet)) === 'pong ping')
  const asked = await arrival(second, there, ({ tags }) => valueOf(tags, 'From-Process') === here)
  assert.equal(valueOf(asked.message.tags, 'Action'), 'Ask')
})

test('M26 a child has the scheduler of its parent, or the one it is given', async () => {
  for (const [tags, mine] of [[[], first], [[tag('Scheduler', second.scheduler)], second]]) {
    const parent = await spawnProbe(first)
    const spawn = { Anchor: '1'.padStart(32, '0'), Tags: [...tags, tag('Module', net.module64), tag('Reference', '7')] }
    await emit(first, parent, { Spawns: [spawn] })
    const told = await arrival(first, parent, ({ tags }) => valueOf(tags, 'Action') === 'Spawned')
    const child = valueOf(told.message.tags, 'Process')
    assert.equal((await getJson(`${mine.su}/processes/${child}`)).process_id, child)
  }
})

test('M28 an assignment goes to where the process is', async () => {
  const here = await spawnProbe(first), there = await spawnProbe(second)
  const message = await sendMessage(first, here, { data: 'assigned' })
  await emit(first, here, { Assignments: [{ Message: message, Processes: [there] }] })
  await eventually('it is assigned', async () =>
    (await schedule(second, there)).some(({ assignment, message: item }) => item === null && valueOf(assignment.tags, 'Message') === message))
})

test('M41 behind a router each process is found at its own scheduler', async () => {
  const processes = []
  for (let i = 0; i < 4; i++) processes.push(await spawnProcess(routed, { tags: [tag('N', String(i))] }))
  for (const process of processes) assert.equal(outputOf(await resultOf(routed, process, await sendMessage(routed, process, { tags: [tag('Action', 'Eval')], data: 'return 5' }))), '5')
  for (const su of routed.behind) {
    const here = await Promise.all(processes.map((process) => fetch(`${su}/processes/${process}`)))
    assert.equal(here.filter(({ status }) => status === 200).length, 2)
  }
})

test('M11 what no gateway knows, or no scheduler answers for, is refused', async () => {
  assertRefused(await postItem(net.mu, (await signItem({
    target: unknownId, tags: [tag('Data-Protocol', 'ao'), tag('Type', 'Message')],
  })).raw), /was not found on gateway/)
  const nobody = sha256('nobody schedules').toString('base64url')
  assertRefused(await postItem(net.mu, (await signItem({
    tags: [tag('Data-Protocol', 'ao'), tag('Type', 'Process'), tag('Module', net.module64), tag('Scheduler', nobody)],
  })).raw), new RegExp(`Could not find 'Scheduler-Location' owner by wallet ${nobody}`))
})

test('M23 what is sent to a wallet is uploaded', async () => {
  const here = await spawnProbe(first), wallet = sha256('nobody owns this').toString('base64url')
  await emit(first, here, { Messages: [entry(wallet, { data: 'to a wallet' })] })
  await eventually('it is on Arweave', async () =>
    (await query(net, `{ transactions(recipients: ["${wallet}"]) { edges { node { id } } } }`)).transactions.edges.length === 1)
})

test('M31 a scheduler that moves is found again, and what was sent meanwhile arrives', async () => {
  const there = await spawnProcess(first), here = await spawnProbe(second)
  assert.equal(await printed(first, there, 'return 1'), '1')
  await first.stop()
  await emit(second, here, { Messages: [entry(there, { data: 'follow me' })] })
  const port = await freePorts(1)
  const moved = await startProgram('su', ['--data', first.data, '--port', String(port), '--wallet', first.wallet,
    '--announce-url', `http://127.0.0.1:${port}`, '--gateway-url', net.ar, '--upload', net.bundler])
  programs.push(moved)
  assert.equal(moved.info.scheduler, first.scheduler)
  const now = { ...first, su: moved.info.su }
  await arrival(now, there, ({ data: said }) => said === 'follow me', 'the message')
  await eventually('the compute unit follows', async () => (await fetch(`${net.cu}/result/${there}?process-id=${there}`)).status === 200)
  assert.equal(await printed(now, there, 'return 2'), '2')
})
