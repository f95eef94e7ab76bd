// Records on their way to somebody else's Arweave: everything arrives, exactly once, whatever
// happens to the sender, to the receiver, and in between.
import { unbundleData } from '@dha-team/arbundles'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { Agent, createServer, request as httpRequest } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { after, before, test } from 'node:test'
import { eventually, getJson, postItem, request, root, runProgram, startNetwork, temporaryFolder } from './support/network.mjs'
import { messageTags, processTags, tag } from './support/aos.mjs'
import { addressOf, signItem, testWallet } from './support/items.mjs'

const slow = { within_ms: 120_000 }

async function freePort() {
  const server = createTcpServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

// ---- the receiver: a gateway of its own, which can be taken away and brought back ----

async function startGateway() {
  const data = temporaryFolder()
  const port = await freePort()
  const gateway = { url: `http://127.0.0.1:${port}` }
  gateway.start = async () => {
    gateway.run = runProgram(['gateway', '--data', data, '--port', String(port), '--block-ms', '300'])
    await eventually('the gateway answers', () => request(`${gateway.url}/info`).then(() => true, () => false))
  }
  gateway.stop = async () => {
    gateway.run.signal('SIGKILL')
    await gateway.run.ended
  }
  await gateway.start()
  return gateway
}

// ---- what lies between: passes requests on, except when it is told to do harm ----

async function startTrouble(target) {
  const agent = new Agent({ keepAlive: true })
  const trouble = { harm: null, passed: 0, harmed: 0 }
  const harms = {
    // the request never arrives
    error: (req, res) => { res.writeHead(500).end('out of order') },
    busy: (req, res) => { res.writeHead(429, { 'Retry-After': '1' }).end() },
    reset: (req) => { req.socket.destroy() },
    half: (req, res) => { res.writeHead(200, { 'Content-Length': '1000' }); res.write('{"id"'); setTimeout(() => req.socket.destroy(), 5) },
    // the request arrives, and nobody learns of it
    deaf: (req, res, body) => { pass(req, body, () => req.socket.destroy()) },
    late: (req, res, body) => { pass(req, body, (answer, bytes) => setTimeout(() => { res.writeHead(answer.statusCode, answer.headers).end(bytes) }, 700)) },
  }
  const pass = (req, body, then) => {
    const { host, ...headers } = req.headers
    const passed = httpRequest(target + req.url, { method: req.method, headers, agent }, (answer) => {
      const chunks = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.on('end', () => then(answer, Buffer.concat(chunks)))
      answer.on('error', () => req.socket.destroy())
    })
    passed.on('error', () => req.socket.destroy())
    passed.end(body)
  }
  const server = createServer((req, res) => {
    const chunks = []
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('error', () => {})
    req.on('end', () => {
      const harm = trouble.harm?.(req)
      trouble[harm ? 'harmed' : 'passed']++
      if (harm) harms[harm](req, res, Buffer.concat(chunks))
      else pass(req, Buffer.concat(chunks), (answer, bytes) => { res.writeHead(answer.statusCode, answer.headers).end(bytes) })
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  trouble.url = `http://127.0.0.1:${server.address().port}`
  trouble.close = () => { server.closeAllConnections(); server.close(); agent.destroy() }
  return trouble
}

// ---- the sender ----

const senders = []
async function startSender(data, option, url) {
  const net = await startNetwork({ data, args: [option, url] })
  senders.push(net)
  return net
}

// Schedule `count` messages of some size; answers their ids. No evaluation is needed for that.
async function schedule(net, process, count, size = 10) {
  const ids = []
  for (let i = 0; i < count; i++) {
    const { id, raw } = await signItem({ target: process, tags: messageTags(tag('Action', 'Upload')), data: `message ${Math.random()} ${'x'.repeat(size)}` })
    const answer = await postItem(net.su, raw)
    assert.equal(answer.status, 200, answer.text)
    ids.push(id)
  }
  return ids
}

async function scheduleProcess(net) {
  const { id, raw } = await signItem({ tags: processTags(net), data: 'no code' })
  const answer = await postItem(net.su, raw)
  assert.equal(answer.status, 200, answer.text)
  return id
}

// Everything that was scheduled: items and the assignments that order them.
async function records(net, process) {
  const { edges } = await getJson(`${net.su}/${process}?process-id=${process}&limit=1000`)
  return edges.flatMap(({ node }) => [node.message.id, node.assignment.id])
}

async function backlog(data) {
  const run = runProgram(['uploads', 'ls', '--data', data])
  assert.equal((await run.ended).code, 0, run.err)
  return JSON.parse(run.out)
}

const emptied = (data) => eventually(`nothing waits in ${data}`, async () => (await backlog(data)).waiting === 0, slow)

// How often the gateway has each of these ids.
async function timesKept(url, ids) {
  const { json } = await request(`${url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: 'query($ids: [ID!]) { transactions(ids: $ids, first: 1000) { edges { node { id } } } }', variables: { ids } }),
  })
  const kept = json.data.transactions.edges.map(({ node }) => node.id)
  return ids.map((id) => kept.filter((one) => one === id).length)
}

async function assertKeptOnce(url, ids) {
  await eventually('the gateway has everything', async () => (await timesKept(url, ids)).every((times) => times > 0), slow)
  assert.deepEqual(await timesKept(url, ids), ids.map(() => 1))
}

// Every item of every bundle that the wallet paid for.
async function carried(url, owner, limit) {
  const { json } = await request(`${url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      query: `query($owner: String!) { transactions(owners: [$owner], first: ${limit}, tags: [{ name: "Bundle-Format", values: ["binary"] }, { name: "Bundle-Version", values: ["2.0.0"] }]) { edges { node { id } } } }`,
      variables: { owner },
    }),
  })
  const ids = []
  for (const { node } of json.data.transactions.edges) {
    const { bytes } = await request(`${url}/${node.id}`)
    const bundle = unbundleData(bytes)
    assert.ok(await bundle.verify())
    ids.push(...bundle.getIds())
  }
  return ids.sort()
}

let gateway, trouble
before(async () => {
  gateway = await startGateway()
  trouble = await startTrouble(gateway.url)
})
after(async () => {
  for (const net of senders) await net.kill()
  trouble?.close()
  await gateway?.stop()
})

for (const [option, name, shown] of [['--upload', 'a bundler', 'S38'], ['--upload-bundles', 'a gateway, in bundles of our own', 'S38 S39']]) {
  const sender = (data) => startSender(data, option, trouble.url)

  test(`${shown} to ${name}: every record`, async () => {
    trouble.harm = null
    const data = temporaryFolder()
    const net = await sender(data)
    const process = await scheduleProcess(net)
    await schedule(net, process, 5)
    await assertKeptOnce(gateway.url, await records(net, process))
    await emptied(data)
    if (option === '--upload-bundles') {
      const kept = await carried(gateway.url, net.scheduler, 1000)
      for (const id of await records(net, process)) assert.ok(kept.includes(id), id)
    }
    const told = await backlog(data)
    assert.ok(told.uploaded >= 12) // where the scheduler answers is told too
    assert.equal(told.lastError, undefined)
    await net.stop()
  })

  test(`to ${name}: through errors, lost requests, lost answers and late ones`, async () => {
    const data = temporaryFolder()
    const net = await sender(data)
    const process = await scheduleProcess(net)
    const harms = ['error', 'deaf', 'reset', null, 'late', 'busy', 'half', null]
    let turn = 0
    trouble.harmed = 0
    trouble.harm = () => harms[turn++ % harms.length]
    for (let i = 0; i < 4; i++) await schedule(net, process, 3)
    await eventually('harm was done', () => trouble.harmed > 6, slow)
    trouble.harm = null
    const all = await records(net, process)
    await assertKeptOnce(gateway.url, all)
    await emptied(data)
    assert.match((await backlog(data)).lastError, /500|429|recv|closed|reset|Empty|transfer|remaining/i)
    assert.ok((await backlog(data)).uploaded >= all.length)
    if (option === '--upload-bundles') {
      assert.deepEqual((await carried(gateway.url, net.scheduler, 1000)).filter((id) => all.includes(id)), [...all].sort())
    }
    await net.stop()
  })

  test(`${shown} to ${name}: the receiver is away for a while, what waits is told, and survives`, async () => {
    trouble.harm = null
    const data = temporaryFolder()
    let net = await sender(data)
    const process = await scheduleProcess(net)
    await gateway.stop()
    await schedule(net, process, 4)
    const told = await eventually('an attempt failed', async () => {
      const { waiting, lastError, ...rest } = await backlog(data)
      return waiting >= 8 && lastError && { waiting, lastError, ...rest }
    }, slow)
    assert.ok(told.oldestAgeMs > 0 && told.bytes > 0)
    assert.equal(told.waitingItems.length, told.waiting)
    await net.kill()
    assert.ok((await backlog(data)).waiting >= 8, 'what waits is still there after the kill')
    net = await sender(data)
    await schedule(net, process, 1)
    await gateway.start()
    await assertKeptOnce(gateway.url, await records(net, process))
    await emptied(data)
    await net.stop()
  })

  test(`to ${name}: the sender is killed again and again`, async () => {
    const data = temporaryFolder()
    let turn = 0
    trouble.harm = () => (++turn % 3 === 0 ? 'deaf' : turn % 4 === 0 ? 'late' : null)
    let net = await sender(data)
    const process = await scheduleProcess(net)
    for (let round = 0; round < 5; round++) {
      await schedule(net, process, 3, 150_000) // together more than a chunk
      if (round % 2) await eventually('something is on its way', () => trouble.passed + trouble.harmed > turn / 2, slow)
      await net.kill()
      net = await sender(data)
    }
    trouble.harm = null
    const all = await records(net, process)
    assert.equal(all.length, 32)
    await assertKeptOnce(gateway.url, all)
    await emptied(data)
    if (option === '--upload-bundles') {
      assert.deepEqual((await carried(gateway.url, net.scheduler, 1000)).filter((id) => all.includes(id)), [...all].sort())
    }
    await net.stop()
  })
}

// ---- arlocal ----

// Where the benchmarks install it; too large a thing, with a compiled module, for every check.
const arlocal = process.env.AOD_ARLOCAL ?? join(root, 'build/arlocal/node_modules/arlocal/bin/index.js')

test('to arlocal, in bundles: every record once, also when the sender is killed', { skip: !existsSync(arlocal) && 'arlocal is not there; make bench installs it' }, async () => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const run = spawn(execPath, [arlocal, String(port), '--hidelogs', `--dbpath=${temporaryFolder()}`],
    { cwd: temporaryFolder(), stdio: 'ignore' })
  const between = await startTrouble(url)
  let mining
  try {
    await eventually('arlocal answers', () => request(`${url}/info`).then(({ status }) => status === 200, () => false), slow)
    const data = temporaryFolder()
    let net = await startSender(data, '--upload-bundles', between.url)
    // It drops items whose owners it does not know, without a word.
    for (const address of [net.scheduler, addressOf(testWallet)]) await request(`${url}/mint/${address}/1000000000000000`)
    mining = setInterval(() => request(`${url}/mine`).catch(() => {}), 1000)
    const process = await scheduleProcess(net)
    let turn = 0
    between.harm = () => (++turn % 3 === 0 ? 'deaf' : turn % 4 === 0 ? 'error' : null)
    await schedule(net, process, 6)
    await eventually('something is on its way', () => between.harmed > 0, slow)
    await net.kill()
    net = await startSender(data, '--upload-bundles', between.url)
    await schedule(net, process, 3)
    between.harm = null
    const all = await records(net, process)
    await emptied(data)
    await assertKeptOnce(url, all)
    assert.deepEqual((await carried(url, net.scheduler, 100)).filter((id) => all.includes(id)), [...all].sort())
    await net.stop()
  } finally {
    clearInterval(mining)
    between.close()
    run.kill('SIGKILL')
  }
})

test('what is wrong is named', async () => {
  for (const [args, complaint] of [
    [['dev', '--port-base', '0', '--upload', 'http://127.0.0.1:1'], /--data/],
    [['dev', '--port-base', '0', '--data', temporaryFolder(), '--upload', 'http://127.0.0.1:1', '--upload-bundles', 'http://127.0.0.1:1'], /both/],
    [['uploads', 'ls'], /--data/],
    [['uploads', 'ls', '--data', temporaryFolder()], /nothing is uploaded/],
  ]) {
    const run = runProgram(args)
    const { code } = await run.ended
    assert.ok(code > 0, `${args} ended with ${code}`)
    assert.match(run.err, complaint)
  }
})
