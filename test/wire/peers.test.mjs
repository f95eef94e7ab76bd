// Other people's programs at our units, and ours at theirs, where the programs themselves cannot be
// had: what they ask for is asked for here, and theirs are stood in for by ours behind a proxy that
// offers a reference unit's routes and nothing else. Statements E10, E15-E20, and those of the
// compute unit that our scheduler gives no occasion for: U20, U21, U47, U52.
import './support/webcrypto.mjs'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { assertRefused, getJson, postItem, query, request, root, startNetwork, startProgram, temporaryFolder } from './support/network.mjs'
import {
  arrival, assignmentTag, evaluate, messageTags, outputOf, peek, printed, resultOf, schedule, sendMessage, spawnProcess, tag,
  testWallet, valueOf,
} from './support/aos.mjs'
import { addressOf, bytesOf, sha256, signItem, unknownId } from './support/items.mjs'

const owner = addressOf(testWallet)
const stranger = JSON.parse(readFileSync(join(root, 'test/vectors/arweave/wallet-2.TEST-ONLY.jwk.json')))
let net
const ours = [] // programs and proxies of a test's own

before(async () => { net = await startNetwork() })
after(async () => {
  for (const one of ours) await one.stop()
  await net?.stop()
})

// ---- units behind a proxy ----

const id = '[A-Za-z0-9_-]{43}'
const pages = ['process-id', 'from', 'to', 'limit', 'from-nonce', 'to-nonce']

// What a reference unit answers: method, path, and the parameters that it knows.
const routes = {
  su: [['GET', /^\/$/, ['process-id']], ['POST', /^\/$/, ['process-id', 'assign', 'base-layer', 'exclude']], ['GET', /^\/timestamp$/, ['process-id']],
    ['GET', new RegExp(`^/processes/${id}$`), []], ['GET', new RegExp(`^/${id}/latest$`), []], ['GET', new RegExp(`^/${id}$`), pages]],
  cu: [['GET', /^\/$/, []], ['GET', new RegExp(`^/result/${id}$`), ['process-id', 'no-busy']], ['GET', new RegExp(`^/cron/${id}$`), ['from', 'to', 'limit', 'sort', 'cursor']],
    ['GET', new RegExp(`^/results/${id}$`), ['from', 'to', 'limit', 'sort']], ['POST', /^\/dry-run$/, ['process-id', 'to']]],
}

// Passes on what a reference unit of this kind knows. `ask` may alter the questions, `change` the
// objects that come back.
async function startReference(kind, target, { ask = () => {}, change = (json) => json } = {}) {
  const strange = []
  const server = createServer((req, res) => {
    const chunks = []
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('end', async () => {
      const url = new URL(req.url, target)
      const route = routes[kind].find(([method, path]) => method === req.method && path.test(url.pathname))
      const known = route && [...url.searchParams.keys()].every((name) => route[2].includes(name))
      if (!known) {
        strange.push(`${req.method} ${req.url}`)
        return res.writeHead(404).end()
      }
      ask(url.searchParams)
      const { status, headers, text, json } = await request(url, {
        method: req.method, body: req.method === 'POST' ? Buffer.concat(chunks) : undefined,
        headers: req.headers['content-type'] ? { 'Content-Type': req.headers['content-type'] } : {},
      })
      res.writeHead(status, { 'Content-Type': headers.get('content-type') ?? 'text/plain' })
      res.end(json ? JSON.stringify(change(json)) : text)
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  ours.push({ stop: async () => { server.closeAllConnections(); server.close() } })
  return { url: `http://127.0.0.1:${server.address().port}`, strange }
}

async function start(command, ...args) {
  const one = await startProgram(command, ['--data', temporaryFolder(), '--port', '0', '--gateway-url', net.ar, '--upload', net.bundler, ...args])
  ours.unshift(one) // ends before what it talks to
  return one.info
}

// A compute unit of a test's own at a scheduler, and the network as those see it who ask it.
const withComputer = async (scheduler, ...args) => ({ ...net, cu: (await start('cu', '--scheduler-url', scheduler, ...args)).cu })

// Changes each record that is in an answer, page or not.
const eachRecord = (change) => (json) =>
  json.edges ? { ...json, edges: json.edges.map(({ node, ...edge }) => ({ ...edge, node: change(node) })).filter(({ node }) => node) }
    : json.assignment ? change(json) : json

const withTag = (node, name, make) => ({
  ...node,
  assignment: { ...node.assignment, tags: node.assignment.tags.map((one) => one.name === name ? { name, value: make(one.value) } : one) },
})

const sendEval = (process, data) => sendMessage(net, process, { tags: [tag('Action', 'Eval')], data })

// ---- schedules that ours does not write ----

test('U20 from a broken hash chain on, a schedule is refused', async () => {
  const process = await spawnProcess(net)
  const ids = []
  for (let i = 0; i < 3; i++) ids.push(await sendEval(process, 'Count = (Count or 0) + 1 return Count'))
  const { url } = await startReference('su', net.su, {
    change: eachRecord((node) => assignmentTag(node, 'Nonce') === '2' ? withTag(node, 'Hash-Chain', () => unknownId) : node),
  })
  const there = await withComputer(url)
  assert.equal(outputOf(await resultOf(there, process, ids[0])), '1')
  for (const message of ids.slice(1)) {
    const refusal = await request(`${there.cu}/result/${message}?process-id=${process}`)
    assert.equal(refusal.status, 422, refusal.text)
    assertRefused(refusal, new RegExp(`HashChain invalid on message ${ids[1]}`))
  }
})

test('U21 what was pushed twice is evaluated once', async () => {
  const process = await spawnProcess(net)
  await printed(net, process, 'Count = 0 Handlers.add("count", "Count", function() Count = Count + 1 end)')
  const push = (round) => sendMessage(net, process, { anchor: 'a'.repeat(32), tags: [tag('Action', 'Count'), tag('From-Process', owner), tag('Round', round)] })
  const [first, second, third] = [await push('1'), await push('2'), await push('3')]
  // To the compute unit the second is as the first.
  const { url } = await startReference('su', net.su, {
    change: eachRecord((node) => node.message?.id !== second ? node
      : { ...node, message: { ...node.message, tags: node.message.tags.map((one) => one.name === 'Round' ? tag('Round', '1') : one) } }),
  })
  const there = await withComputer(url)
  for (const message of [first, third]) assert.equal((await resultOf(there, process, message)).Error, undefined)
  assert.equal(await peek(there, process, 'return Count', owner), '2')
  assert.equal(await peek(net, process, 'return Count', owner), '3')
})

test('U47 a process that is not in its own schedule still begins with its item', async () => {
  const process = await spawnProcess(net, { tags: [tag('Name', 'old')] })
  const message = await sendEval(process, 'return Name .. #Inbox')
  const { url } = await startReference('su', net.su, {
    ask: (parameters) => {
      if (parameters.has('limit')) parameters.set('limit', Number(parameters.get('limit')) + 1)
      if (parameters.get('from-nonce') >= 0) parameters.set('from-nonce', Number(parameters.get('from-nonce')) + 1)
    },
    change: eachRecord((node) => assignmentTag(node, 'Nonce') === '0' ? null : withTag(node, 'Nonce', (nonce) => String(nonce - 1))),
  })
  const there = await withComputer(url)
  const { Output } = await resultOf(there, process, message)
  assert.deepEqual(Output.data, (await resultOf(net, process, message)).Output.data)
  assert.match(Output.prompt, /old/)
})

test('U52 an operator says who is evaluated', async () => {
  const [one, other] = [await spawnProcess(net), await spawnProcess(net, { wallet: stranger })]
  const answers = async (...args) => {
    const there = await withComputer(net.su, ...args)
    return Promise.all([one, other].map((process) => request(`${there.cu}/result/${process}?process-id=${process}`)))
  }
  for (const args of [['--restrict-process', other], ['--allow-process', one], ['--allow-owner', owner]]) {
    const [allowed, denied] = await answers(...args)
    assert.equal(allowed.status, 200, allowed.text)
    assert.equal(denied.status, 403, denied.text)
    assertRefused(denied, /^Access denied for process/)
  }
})

// ---- reference units ----

describe('reference units', () => {
  let process, other
  before(async () => { [process, other] = [await spawnProcess(net), await spawnProcess(net)] })

  test('E18 our compute unit asks a scheduler for nothing that a reference one does not have', async () => {
    const { url, strange } = await startReference('su', net.su)
    const there = await withComputer(url)
    const message = await sendEval(process, 'return "from there"')
    assert.equal(outputOf(await resultOf(there, process, message)), 'from there')
    assert.equal(outputOf(await resultOf(there, process, await sendEval(process, 'return 2'))), '2')
    assert.equal(await peek(there, process, 'return 3', owner), '3')
    assert.deepEqual(strange, [])
  })

  // As its loader reads it: pages by timestamp, records by the fields that it takes from them.
  test('E18 a reference compute unit can load our schedule', async () => {
    const messages = [await sendEval(process, 'return 1'), await sendEval(process, 'return 2')]
    const { block, timestamp } = await getJson(`${net.su}/processes/${process}`)
    assert.equal(typeof block, 'string')
    const { timestamp: now } = await getJson(`${net.su}/timestamp?process-id=${process}`)
    const nodes = []
    for (let from = timestamp - 1; ;) {
      const page = await getJson(`${net.su}/${process}?process-id=${process}&from=${from}&to=${Number(now) + 1000}&limit=2`)
      nodes.push(...page.edges.map(({ node }) => node))
      if (!page.page_info.has_next_page) break
      from = page.edges.at(-1).cursor
    }
    assert.deepEqual(nodes.map(({ message }) => message.id).slice(-2), messages)
    let chain
    for (const { message, assignment } of nodes) {
      for (const [name, form] of [['Epoch', /^0$/], ['Nonce', /^\d+$/], ['Timestamp', /^\d{13}$/], ['Block-Height', /^\d{12}$/]]) {
        assert.match(valueOf(assignment.tags, name), form)
      }
      for (const name of ['id', 'signature', 'target', 'data']) assert.equal(typeof message[name], 'string', name)
      assert.deepEqual([typeof message.owner.address, typeof message.owner.key, Array.isArray(message.tags)], ['string', 'string', true])
      const hashChain = valueOf(assignment.tags, 'Hash-Chain')
      if (chain) assert.equal(hashChain, sha256(...chain.map(bytesOf)).toString('base64url'))
      chain = [assignment.id, hashChain]
    }
  })

  test('E19 our messenger asks for nothing that reference units do not have', async () => {
    const [su, cu] = [await startReference('su', net.su), await startReference('cu', net.cu)]
    const { mu, authority } = await start('mu', '--scheduler-url', su.url, '--computer-url', cu.url)
    const there = { ...net, mu, authority }
    const from = await spawnProcess(there)
    await evaluate(there, from, `Send({ Target = '${other}', Action = 'Over-There', Data = 'hello' })`)
    const { message } = await arrival(net, other, ({ tags }) => valueOf(tags, 'Action') === 'Over-There')
    assert.deepEqual([message.owner.address, valueOf(message.tags, 'From-Process'), message.data], [authority, from, 'hello'])
    assert.deepEqual([su.strange, cu.strange], [[], []])
  })

  // Its steps, by a messenger with a wallet of its own: write, find the process, read the result, push.
  test('E19 a reference messenger can drive our scheduler and compute unit', async () => {
    const sender = await spawnProcess({ ...net, authority: addressOf(stranger) })
    const user = await signItem({ target: sender, tags: messageTags(tag('Action', 'Eval')), data: `Send({ Target = '${other}', Data = 'pushed' })` })
    assert.equal((await postItem(net.su, user.raw)).json.id, user.id)
    const { Messages: [emitted] } = await resultOf(net, sender, user.id)
    assert.equal((await getJson(`${net.su}/processes/${emitted.Target}`)).process_id, other)
    const { raw, ...pushed } = await signItem({
      wallet: stranger, target: emitted.Target, anchor: emitted.Anchor, data: emitted.Data,
      tags: messageTags(...emitted.Tags.filter(({ name }) => !/^(Data-Protocol|Type|Variant|From-Process|From-Module)$/.test(name)),
        tag('From-Process', sender), tag('Pushed-For', user.id)),
    })
    assert.equal((await postItem(net.su, raw)).json.id, pushed.id)
    assert.equal((await resultOf(net, other, pushed.id)).Error, undefined)
    const { message } = await getJson(`${net.su}/${pushed.id}?process-id=${other}`)
    assert.equal(message.owner.address, addressOf(stranger))
  })

  // The names of its parameters are its own, and its items have another content type.
  test('E20 HyperBEAM\'s client of older schedulers can read and write ours', async () => {
    const headers = { 'Content-Type': 'application/ans104' }
    const { id: written, raw } = await signItem({ target: process, tags: messageTags(tag('Action', 'Eval')), data: 'return "beam"' })
    const posted = await request(`${net.su}/`, { method: 'POST', headers, body: raw })
    assert.equal(posted.status, 200, posted.text)
    const node = await getJson(`${net.su}/${posted.json.id}?proc-id=${process}`)
    assert.equal(node.message.id, written)
    const latest = await getJson(`${net.su}/${process}/latest?proc-id=${process}`)
    assert.deepEqual(latest, node)
    const slot = Number(assignmentTag(latest, 'Nonce'))
    const page = await getJson(`${net.su}/${process}?proc-id=${process}&from-nonce=${slot - 2}&to-nonce=${slot}&limit=1000`)
    assert.deepEqual(page.edges.map(({ node }) => Number(assignmentTag(node, 'Nonce'))), [slot - 1, slot])
    assert.deepEqual(page.edges[1].node, node)
    assert.equal(page.page_info.has_next_page, false)
  })
})

// ---- tools ----

// aos sends the files of a program as one Eval, each as a function whose value the others require.
test('E10 a program of several files, more than 100 KiB, is loaded by one message', async () => {
  const process = await spawnProcess(net)
  const files = ['first', 'second', 'third'].map((name) => `
-- module: "${name}"
local function _loaded_mod_${name}()
  local texts = { ${Array.from({ length: 900 }, (_, i) => `"${name} ${i} ${'é'.repeat(20)}"`).join(', ')} }
  return { count = #texts, last = texts[#texts] }
end
_G.package.loaded["${name}"] = _loaded_mod_${name}()
`)
  const program = `${files.join('')}\nreturn require('first').count + require('third').count .. ' ' .. require('second').last:sub(1, 10)`
  assert.ok(Buffer.byteLength(program) > 100 * 1024)
  assert.equal(await printed(net, process, program), '1800 second 899')
  assert.equal(await peek(net, process, `return require('third').count`, owner), '900')
})

test('E15 who asks a scheduler for its address finds it in lower case', async () => {
  const { address, timestamp, ...more } = await getJson(net.su)
  assert.equal(address, net.scheduler)
  assert.match(String(timestamp), /^\d{13}$/)
  assert.deepEqual(more, {})
})

// What its seed programs do: money, a module and a Scheduler-Location of a variant of their own,
// uploaded to any of a bundler's paths.
test('E16 ao-localnet\'s seeds find what they need', async () => {
  assert.equal((await request(`${net.ar}/mint/${addressOf(stranger)}/1000000000000`)).status, 200)
  const kinds = {
    '/tx': ['Scheduler-Location', [tag('Url', net.su), tag('Time-To-Live', '1')]],
    '/tx/arweave': ['Module', [tag('Module-Format', 'wasm64-unknown-emscripten-draft_2024_02_15')]],
    '/v1/tx': ['Scheduler-Location', [tag('Url', 'http://localhost:4003'), tag('Time-To-Live', '1')]],
    '/v1/tx/arweave': ['Module', []],
  }
  for (const [path, [type, tags]] of Object.entries(kinds)) {
    const item = await signItem({ wallet: stranger, tags: [tag('Data-Protocol', 'ao'), tag('Variant', 'ao.LN.1'), tag('Type', type), ...tags], data: '1984' })
    const { status, text } = await postItem(net.bundler + path, item.raw)
    assert.equal(status, 200, text)
    const found = await query(net, `{ transactions(ids: ["${item.id}"]) { edges { node { owner { address } tags { name value } } } } }`)
    const [{ node }] = found.transactions.edges
    assert.deepEqual([node.owner.address, valueOf(node.tags, 'Type'), valueOf(node.tags, 'Variant')], [addressOf(stranger), type, 'ao.LN.1'])
  }
  assert.equal((await request(`${net.ar}/mine`)).status, 200)
})

// ---- browsers ----

const simpleTypes = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']
const isSimple = (name, value) => ['accept', 'accept-language', 'content-language'].includes(name) ||
  (name === 'content-type' && simpleTypes.includes(value.split(';')[0]))

// fetch as a page of another origin has it: asks first where a browser would, and hides what the
// server does not open. Counts what it asked.
function browserFetch(fetch, asked) {
  const origin = 'https://app.example'
  const admit = (answer, what) => assert.ok(['*', origin].includes(answer.headers.get('access-control-allow-origin')), `${what} is not open to ${origin}`)
  return async (input, init = {}) => {
    const wanted = new Request(input, init)
    const what = `${wanted.method} ${wanted.url}`
    const special = [...wanted.headers].filter(([name, value]) => !isSimple(name, value)).map(([name]) => name)
    if (special.length || !['GET', 'HEAD', 'POST'].includes(wanted.method)) {
      const headers = { Origin: origin, 'Access-Control-Request-Method': wanted.method, 'Access-Control-Request-Headers': special.join() }
      const preflight = await fetch(wanted.url, { method: 'OPTIONS', headers })
      asked.preflights++
      assert.ok(preflight.ok, `the preflight of ${what} answered ${preflight.status}`)
      admit(preflight, `the preflight of ${what}`)
      const allowed = preflight.headers.get('access-control-allow-headers')?.toLowerCase().split(/ *, */) ?? []
      assert.deepEqual(special.filter((name) => !allowed.includes(name) && !allowed.includes('*')), [], `headers of ${what}`)
      assert.match(preflight.headers.get('access-control-allow-methods'), new RegExp(`\\b${wanted.method}\\b|\\*`), what)
    }
    wanted.headers.set('Origin', origin)
    const answer = await fetch(wanted)
    asked.requests++
    admit(answer, what)
    return answer
  }
}

test('E17 a page of another origin can spawn, send, read and dry-run', async () => {
  const { fetch } = globalThis
  const asked = { requests: 0, preflights: 0 }
  globalThis.fetch = browserFetch(fetch, asked)
  try {
    const { connect, createDataItemSigner } = await import('@permaweb/aoconnect')
    const ao = connect({ MODE: 'legacy', MU_URL: net.mu, CU_URL: net.cu, GATEWAY_URL: net.ar })
    const signer = createDataItemSigner(stranger)
    const process = await ao.spawn({ module: net.module64, scheduler: net.scheduler, signer, tags: [tag('Authority', net.authority)] })
    const message = await ao.message({ process, signer, tags: [tag('Action', 'Eval')], data: 'return 6 * 7' })
    assert.equal((await ao.result({ process, message })).Output.data, '42')
    assert.equal((await ao.results({ process, limit: 5 })).edges.length, 2)
    const dry = await ao.dryrun({ process, Owner: addressOf(stranger), tags: [tag('Action', 'Eval')], data: 'return 1' })
    assert.equal(dry.Output.data, '1')
    await ao.monitor({ process, signer })
    await ao.unmonitor({ process, signer })
    const read = await globalThis.fetch(`${net.su}/${process}?process-id=${process}`)
    assert.equal((await read.json()).edges.length, 2)
  } finally {
    globalThis.fetch = fetch
  }
  assert.ok(asked.requests >= 8 && asked.preflights >= 4, JSON.stringify(asked))
})
