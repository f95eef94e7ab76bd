// WeaveDrive: what a process reads of Arweave while it evaluates a message. Statements W1 to W19 as
// far as they show at a compute unit; how files behave for modules, the vectors of the virtual
// machine's own tests tell.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import {
  eventually, getJson, postItem, request, runProgram, startNetwork, startProgram, temporaryFolder,
} from './support/network.mjs'
import {
  dryRun, evaluate, outputOf, peek, printed, processTags, resultOf, sendMessage, spawnProcess, tag, testWallet,
} from './support/aos.mjs'
import { addressOf, generateWallet, signItem, unknownId } from './support/items.mjs'

const owner = addressOf(testWallet)
let net

before(async () => { net = await startNetwork() })
after(() => net.stop())

async function upload(to, item) {
  const { id, raw } = await signItem(item)
  const answer = await postItem(`${to.bundler ?? to.ar}/tx`, raw)
  assert.equal(answer.status, 200, answer.text)
  return id
}

const attest = (to, id, { wallet, tags } = {}) => upload(to, {
  wallet, tags: tags ?? [tag('Data-Protocol', 'ao'), tag('Type', 'Attestation'), tag('Message', id)],
})
const available = (id) => [tag('Data-Protocol', 'WeaveDrive'), tag('Variant', 'WeaveDrive.tn.1'), tag('Type', 'Available'), tag('ID', id)]

const driveTags = (mode, ...more) => [
  tag('Extension', 'WeaveDrive'), tag('Attestor', owner), ...(mode ? [tag('Availability-Type', mode)] : []), ...more,
]
const spawnReader = (to = net, { mode, more = [], ...rest } = {}) =>
  spawnProcess(to, { tags: driveTags(mode, ...more), ...rest })

// Read a file as modules do: its size by seeking, then so many bytes.
const read = (path) => `local f = io.open('${path}'); if not f then return 'no file' end
  local text = f:read(f:seek('end')); f:close(); return text`
const refusal = 'HALT: FILE NOT FOUND'

async function assertRefused(to, process, path, error = refusal) {
  const result = await evaluate(to, process, `Tried = true; ${read(path)}`)
  assert.equal(result.Error, error)
  assert.equal(await printed(to, process, 'return tostring(Tried)'), 'nil') // as if it had never been
}

test('W10 code that On-Boot names is there from the first message on', async () => {
  const code = await upload(net, {
    data: `Greeting = 'from Arweave'; Handlers.add('greet', 'Greet', function (msg) msg.reply({ Data = Greeting }) end)`,
  })
  const process = await spawnProcess(net, { tags: [tag('On-Boot', code)] })
  const boot = await resultOf(net, process, process)
  assert.equal(boot.Error, undefined, JSON.stringify(boot))
  const message = await sendMessage(net, process, { tags: [tag('Action', 'Greet')] })
  assert.equal((await resultOf(net, process, message)).Messages[0].Data, 'from Arweave')
  assert.equal(await printed(net, process, 'return Greeting'), 'from Arweave')
})

test('W4 W14 data can be read once an attestor has made it known, and not before', async () => {
  const text = 'what is written on Arweave, é\n'.repeat(2000)
  const id = await upload(net, { data: text })
  const process = await spawnReader()
  await assertRefused(net, process, `/data/${id}`)
  await attest(net, id, { wallet: generateWallet() }) // a stranger
  await assertRefused(net, process, `/data/${id}`)
  await attest(net, id)
  assert.equal(await printed(net, process, read(`/data/${id}`)), text)
  assert.equal(await printed(net, process, `local f = io.open('/data/${id}'); return f:read(7) .. '|' .. f:read(3)`), 'what is| wr')
  assert.equal(await peek(net, process, read(`/data/${id}`), owner), text) // so do dry runs
  await assertRefused(net, process, `/data/${unknownId}`)
})

test('W19 who reads beyond the end gets as many bytes as were asked for', async () => {
  const id = await upload(net, { data: 'short' })
  await attest(net, id)
  const process = await spawnReader()
  const beyond = `local f = io.open('/data/${id}'); local text = f:read(99); f:close(); return #text .. ' ' .. text:sub(1, 5)`
  assert.equal(await printed(net, process, beyond), '99 short')
})

test('W11 W13 the scheduler is an attestor; who has neither tag reads nothing', async () => {
  const id = await upload(net, { data: 'bytes' })
  await attest(net, id)
  await assertRefused(net, await spawnProcess(net, { tags: [tag('Attestor', owner)] }), `/data/${id}`)
  await assertRefused(net, await spawnProcess(net, { tags: [tag('Extension', 'WeaveDrive')] }), `/data/${id}`)
})

test('W8 W12 W15 W16 what is available to a single process, in its mode alone', async () => {
  const id = await upload(net, { data: 'for one' })
  await attest(net, id, { tags: available(id) })
  assert.equal(await printed(net, await spawnReader(net, { mode: 'Individual' }), read(`/data/${id}`)), 'for one')
  await assertRefused(net, await spawnReader(net, { mode: 'Assignments' }), `/data/${id}`)
  await assertRefused(net, await spawnReader(net, { mode: 'Library' }), `/data/${id}`,
    'This WeaveDrive implementation does not support Library attestations yet!')
  await assertRefused(net, await spawnReader(net, { mode: 'Other' }), `/data/${id}`, 'Unsupported WeaveDrive mode: Other')
})

test('W1 W2 W3 W7 transactions and blocks, by their names', async () => {
  const process = await spawnReader()
  const { height } = await getJson(`${net.ar}/info`)
  const block = JSON.parse(await printed(net, process, read(`/block/${height}`)))
  assert.deepEqual(block, await getJson(`${net.ar}/block/height/${height}`))
  const transaction = await printed(net, process, read(`/tx/${net.module64}`))
  const known = await getJson(`${net.ar}/tx/${net.module64}`)
  const { ownerAddress, ...rest } = JSON.parse(transaction)
  assert.deepEqual(rest, known)
  assert.match(ownerAddress, /^[\w-]{43}$/)
  await assertRefused(net, process, `/tx/${unknownId}`)
  await assertRefused(net, process, '/block/999999999')
  assert.equal(await printed(net, process, read(`/other/${unknownId}`)), 'no file')
})

test('a module without the tag has no drive, one with it has, unless the operator does not want that', async () => {
  const id = await upload(net, { data: 'bytes' })
  await attest(net, id)
  const plain = await spawnReader(net, { module: net.module32 })
  assert.equal(await printed(net, plain, read(`/data/${id}`)), 'no file')

  const { bytes } = await request(`${net.ar}/raw/${net.module32}`)
  const tags = [
    tag('Data-Protocol', 'ao'), tag('Type', 'Module'), tag('Module-Format', 'wasm32-unknown-emscripten4'),
    tag('Input-Encoding', 'JSON-V1'), tag('Output-Encoding', 'JSON-V1'), tag('Memory-Limit', '1-gb'),
    tag('Compute-Limit', '9000000000000'), tag('Extension', 'WeaveDrive'),
  ]
  const module = await upload(net, { tags, data: bytes })
  assert.equal(await printed(net, await spawnReader(net, { module }), read(`/data/${id}`)), 'bytes')

  const strict = await startProgram('cu', ['--port', '0', '--gateway-url', net.ar, '--scheduler-url', net.su, '--no-weavedrive'])
  try {
    const process = await spawnProcess(net, { module })
    const refused = await request(`${strict.info.cu}/result/${process}?process-id=${process}`)
    assert.equal(refused.status, 422, refused.text)
    assert.equal(refused.json.error, `Module Extensions for module "${module}" are not supported`)
    const always = await spawnReader() // its format comes with a drive
    assert.equal((await request(`${strict.info.cu}/result/${always}?process-id=${always}`)).status, 200)
  } finally {
    await strict.stop()
  }
})

test('W18 a replay is answered as the messages were, whatever has changed since', async () => {
  const data = temporaryFolder()
  const kept = await startNetwork({ data })
  try {
    const id = (await signItem({ data: 'late', anchor: 'a'.repeat(32) })) // known before it is there
    const process = await spawnReader(kept)
    await attest(kept, id.id)
    await assertRefused(kept, process, `/data/${id.id}`)
    assert.equal((await postItem(`${kept.bundler}/tx`, id.raw)).status, 200)
    assert.equal(await printed(kept, process, read(`/data/${id.id}`)), 'late')
    await kept.stop()
    const run = runProgram(['replay', process, '--data', data, '--json'])
    await run.ended
    const { same, evaluated, compared, differences } = JSON.parse(run.out)
    assert.deepEqual([same, evaluated, compared, differences], [true, 4, 4, []], run.err)
  } finally {
    await kept.stop()
  }
})

// ---- a gateway that is far away ----

// Passes requests on, except those that `harm` answers itself.
async function startBetween(target) {
  const between = { harm: () => false, seen: [] }
  const server = createServer(async (req, res) => {
    const body = []
    for await (const chunk of req) body.push(chunk)
    const text = Buffer.concat(body)
    between.seen.push(`${req.method} ${req.url}`)
    if (between.harm(req, text.toString(), res)) return
    const answer = await fetch(target + req.url, { method: req.method, body: text.length ? text : undefined })
    res.writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? 'text/plain' })
    res.end(Buffer.from(await answer.arrayBuffer()))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  between.url = `http://127.0.0.1:${server.address().port}`
  between.stop = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() })
  return between
}

test('a gateway that cannot answer delays a message; one that lies is passed over', async () => {
  const between = await startBetween(net.ar)
  const cu = await startProgram('cu', ['--port', '0', '--gateway-url', between.url, '--scheduler-url', net.su])
  const ask = (process, message) => request(`${cu.info.cu}/result/${message}?process-id=${process}`)
  const say = async (process, code) => {
    const id = await sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: code })
    return { process, id }
  }
  try {
    const secret = await upload(net, { data: 'not for everybody' })
    const id = await upload(net, { data: 'bytes' })
    await attest(net, id)
    const process = await spawnReader()
    assert.equal((await ask(process, process)).status, 200)

    // Attestations cannot be looked up: no result, and later the right one.
    between.harm = (req, body, res) => /Attestation/.test(body) && !!res.writeHead(500).end()
    const first = await say(process, read(`/data/${id}`))
    const away = await ask(process, first.id)
    assert.ok(away.status >= 500, `${away.status} ${away.text}`)
    between.harm = () => false
    assert.equal(outputOf((await ask(process, first.id)).json), 'bytes')

    // Other bytes than the owner signed are no data.
    const other = await upload(net, { data: 'other bytes' })
    await attest(net, other)
    between.harm = (req, body, res) => req.url.endsWith(`/${other}`) && !/tx/.test(req.url) && !!res.writeHead(200).end('forged data')
    const second = await say(process, read(`/data/${other}`))
    assert.ok((await ask(process, second.id)).status >= 500)
    between.harm = () => false
    assert.equal(outputOf((await ask(process, second.id)).json), 'other bytes')

    // An attestation that is invented is none.
    between.harm = (req, body, res) => /Attestation/.test(body) &&
      !!res.writeHead(200).end(JSON.stringify({ data: { transactions: { edges: [{ node: { id: secret, tags: [] } }] } } }))
    const third = await say(process, read(`/data/${secret}`))
    assert.ok((await ask(process, third.id)).status >= 500)

    // A gateway that is behind does not know yet.
    between.harm = (req, body, res) => req.url === '/info' && !!res.writeHead(200).end('{"height":1}')
    const behind = await ask(process, third.id)
    assert.ok(behind.status >= 500, behind.text)
    assert.match(behind.json.error, /does not know block/)
    between.harm = () => false
    await eventually('the attestation is denied', async () => (await ask(process, third.id)).json?.Error === refusal)

    const fourth = await say(process, read(`/block/1`))
    assert.equal(JSON.parse(outputOf((await ask(process, fourth.id)).json)).height, 1)
  } finally {
    await cu.stop()
    await between.stop()
  }
})
