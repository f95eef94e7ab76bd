// A network under load whose programs are killed at random moments, and what must be true
// afterwards. One storm: some processes that pass messages on, chains of three hops through them
// with a message to a wallet and sometimes a spawn at the end, clients that send again until they
// are answered, and kills, each of them with a portion of the chains on its way. When all is quiet, nothing may be missing, doubled or different from an
// undisturbed run. All choices come from one seed.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { eventually, freePorts, getJson, postItem, program, query, runProgram, startProgram, temporaryFolder } from '../wire/support/network.mjs'
import { assignmentTag, messageTags, peek, printed, processTags, resultOf, schedule, tag } from '../wire/support/aos.mjs'
import { ethereumSigner, sha256, signItem, bytesOf } from '../wire/support/items.mjs'

const hops = 3, clients = 8
const wallet = sha256('nobody owns this wallet').toString('base64url')

// mulberry32: the same numbers for the same seed, everywhere.
export function random(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

// --- programs that can be killed and started again where they were -------------------------------

// A program with a folder of its own, that starts on the same ports every time. `disk` is where the
// folder is to lie, when not among the others (disk.mjs).
function restartable(command, portOptions, args, disk = { dir: temporaryFolder() }) {
  const { dir: data, via } = disk
  let ports = null, running = null
  return {
    data,
    get run() { return running.run },
    get info() { return running.info },
    async start() {
      const chosen = Object.entries(portOptions).flatMap(([option, unit]) =>
        [option, ports ? new URL(ports[unit]).port : '0'])
      running = await startProgram(command, ['--data', data, ...chosen, ...args], { via })
      ports ??= running.info
    },
    async kill() {
      running.run.signal('SIGKILL')
      await running.run.ended
    },
    stop: () => running.stop(),
  }
}

// { urls of the units, programs } of a whole network in one program, or of four programs. `disks`
// names the disk of a program: dev, or ar, su, cu, mu.
export async function startWorld(apart, disks = {}) {
  const key = join(temporaryFolder(), 'key.json')
  execFileSync(program, ['wallet', 'new', '--kind', 'ed25519', '--out', key], { stdio: 'ignore' })
  if (!apart) {
    const dev = restartable('dev', {}, ['--wallet', key, '--port-base', String(await freePorts(5))], disks.dev)
    await dev.start()
    return { ...dev.info, module64: dev.info.modules.aos2_0_6, programs: [dev] }
  }
  const wallet = ['--wallet', key]
  const ar = restartable('serve', { '--ar-port': 'ar', '--bundler-port': 'bundler' }, ['--units', 'ar', ...wallet], disks.ar)
  await ar.start()
  const arweave = ['--gateway-url', ar.info.ar, '--upload', ar.info.bundler, ...wallet]
  const su = restartable('su', { '--port': 'su' }, arweave, disks.su)
  await su.start()
  const cu = restartable('cu', { '--port': 'cu' }, [...arweave, '--scheduler-url', su.info.su], disks.cu)
  await cu.start()
  const mu = restartable('mu', { '--port': 'mu' }, [...arweave, '--scheduler-url', su.info.su, '--computer-url', cu.info.cu], disks.mu)
  await mu.start()
  return {
    ...ar.info, ...su.info, ...cu.info, ...mu.info,
    ar: ar.info.ar, su: su.info.su, cu: cu.info.cu, mu: mu.info.mu,
    scheduler: su.info.scheduler, authority: mu.info.authority,
    modules: ar.info.modules, module64: ar.info.modules.aos2_0_6, programs: [ar, su, cu, mu], units: { ar, su, cu, mu },
  }
}

// --- the load ------------------------------------------------------------------------------------

// A process counts what comes to it in a way that does not depend on the order, and passes it on.
const handler = (next, net) => `
Next = '${next}'
Count, Sum, Spawned = 0, 0, 0
Handlers.add('hop', 'Hop', function (msg)
  local left, number = tonumber(msg.Left), tonumber(msg.Number)
  Count = Count + 1
  Sum = (Sum + number * (left + 1) * 7919) % 1000000007
  if left > 0 then
    Send({ Target = Next, Action = 'Hop', Left = tostring(left - 1), Number = msg.Number })
    return
  end
  Send({ Target = '${wallet}', Data = 'arrived ' .. msg.Number, Number = msg.Number })
  if number % 10 == 0 then Spawn('${net.module64}', { Authority = '${net.authority}', Name = msg.Number }) end
end)
Handlers.add('spawned', 'Spawned', function (msg) Spawned = Spawned + 1 end)
return 'ready'`

const state = `return Count .. ' ' .. Sum .. ' ' .. Spawned`

async function spawnAll(net, count, owner) {
  const ids = []
  for (let i = 0; i < count; i++) {
    const { id, raw } = await signItem({ signer: owner.signer, tags: processTags(net), data: `process ${i}` })
    assert.equal((await postItem(net.mu, raw)).status, 202)
    ids.push(id)
  }
  for (let i = 0; i < count; i++) {
    const { id, raw } = await signItem({
      signer: owner.signer, target: ids[i], tags: messageTags(tag('Action', 'Eval')), data: handler(ids[(i + 1) % count], net),
    })
    assert.equal((await postItem(net.mu, raw)).status, 202)
    assert.equal((await resultOf(net, ids[i], id)).Error, undefined)
  }
  return ids
}

async function signChains(processes, count, owner) {
  const chains = []
  for (let number = 0; number < count; number++) {
    const target = processes[number % processes.length]
    const tags = messageTags(tag('Action', 'Hop'), tag('Left', String(hops)), tag('Number', String(number)))
    chains.push({ number, target, ...(await signItem({ signer: owner.signer, target, tags, data: 'go' })) })
  }
  return chains
}

// Post until it is answered. A refusal because it is there already is an answer: an earlier post
// was taken though its answer was lost.
async function deliver(net, chain, acknowledged, world) {
  while (!world.over) {
    const answer = await postItem(net.mu, chain.raw).catch(() => null)
    if (answer?.status === 202 || (answer?.status === 400 && /already/.test(answer.text))) {
      acknowledged.push(chain)
      return
    }
    assert.ok(!answer || answer.status >= 500, `chain ${chain.number}: ${answer?.status} ${answer?.text}`)
    await new Promise((resume) => setTimeout(resume, 50))
  }
}

async function postAll(net, chains, acknowledged, world) {
  const queue = [...chains]
  const client = async () => {
    for (let chain; (chain = queue.shift());) await deliver(net, chain, acknowledged, world)
  }
  await Promise.all(Array.from({ length: clients }, client))
}

// --- the kills -----------------------------------------------------------------------------------

// A portion of the load goes out before each kill and after the last, so that every kill meets a
// network at work. `post` starts posting a portion.
async function killAtRandom(net, chains, kills, next, longest_ms, post) {
  const place = (i) => Math.floor(i * chains.length / (kills + 1))
  for (let i = 0; i < kills; i++) {
    const victim = net.programs[Math.floor(next() * net.programs.length)]
    post(chains.slice(place(i), place(i + 1)))
    await new Promise((resume) => setTimeout(resume, next() * longest_ms))
    await victim.kill()
    await victim.start()
  }
  post(chains.slice(place(kills)))
}

// --- afterwards ----------------------------------------------------------------------------------

async function outboxOf(folder) {
  const run = runProgram(['outbox', 'ls', '--json', '--data', folder])
  const { code } = await run.ended
  assert.equal(code, 0, run.err)
  return JSON.parse(run.out)
}

export async function assertWhole(folder, { via } = {}) {
  const run = runProgram(['fsck', '--json', folder], { via })
  const { code } = await run.ended
  assert.equal(code, 0, `fsck: ${run.err}${run.out}`)
  return JSON.parse(run.out)
}

const messengerOf = (net) => net.programs.at(-1)

const uploadsTo = async (net) => {
  const find = `query ($after: String) { transactions(recipients: ["${wallet}"], first: 100, after: $after) {
    pageInfo { hasNextPage } edges { cursor node { id tags { name value } } } } }`
  const numbers = []
  for (let after = null; ;) {
    const { edges, pageInfo } = (await query(net, find, { after })).transactions
    numbers.push(...edges.map(({ node }) => Number(node.tags.find(({ name }) => name === 'Number').value)))
    if (!pageInfo.hasNextPage) return numbers.sort((a, b) => a - b)
    after = edges.at(-1).cursor
  }
}

export function assertChain(process, nodes) {
  nodes.forEach((node, i) => {
    assert.equal(assignmentTag(node, 'Nonce'), String(i), `nonces of ${process}`)
    const expected = i === 0 ? sha256(bytesOf(process))
      : sha256(bytesOf(nodes[i - 1].assignment.id), bytesOf(assignmentTag(nodes[i - 1], 'Hash-Chain')))
    assert.equal(assignmentTag(node, 'Hash-Chain'), expected.toString('base64url'), `hash chain of ${process}`)
  })
}

// Connections to programs that were killed are still in the pool of `fetch`, and fail when used.
export async function insist(ask) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (error.message !== 'fetch failed' || attempt === 20) throw error
    }
  }
}

// What is there when all is quiet, without ids, so that runs can be compared.
async function observe(net, processes, acknowledged, owner) {
  await eventually('the outbox is empty', async () => {
    const { waiting, parked, entries } = await outboxOf(messengerOf(net).data)
    assert.equal(parked, 0, JSON.stringify(entries))
    return waiting === 0
  }, { within_ms: 600_000 })
  const seen = []
  for (const process of processes) {
    const nodes = await insist(() => schedule(net, process))
    assertChain(process, nodes)
    const messages = new Set(nodes.map(({ message }) => message?.id))
    acknowledged.filter(({ target }) => target === process)
      .forEach(({ id, number }) => assert.ok(messages.has(id), `acknowledged message ${number} is missing`))
    seen.push({ records: nodes.length, state: await insist(() => peek(net, process, state, owner.address)) })
  }
  return { processes: seen, uploads: await insist(() => uploadsTo(net)) }
}

// Run one storm; answers what is there at its end.
export async function storm({ seed, kills, chains: chainCount, processes: processCount = 8, apart = false, longest_ms = 500 }) {
  const next = random(seed)
  const owner = ethereumSigner()
  const net = await startWorld(apart)
  const world = { over: false }
  try {
    const processes = await spawnAll(net, processCount, owner)
    const chains = await signChains(processes, chainCount, owner)
    const acknowledged = []
    const posting = []
    const post = (portion) => {
      posting.push(postAll(net, portion, acknowledged, world))
      posting.at(-1).catch(() => {}) // it is awaited below
    }
    await killAtRandom(net, chains, kills, next, longest_ms, post)
    await Promise.all(posting)
    assert.equal(acknowledged.length, chainCount)
    const seen = await observe(net, processes, acknowledged, owner)
    for (const one of [...net.programs].reverse()) await one.stop()
    for (const { data } of net.programs) {
      const { outbox } = await assertWhole(data)
      assert.equal(outbox, 0)
    }
    return seen
  } finally {
    world.over = true
    for (const one of net.programs) await one.kill().catch(() => {})
  }
}
