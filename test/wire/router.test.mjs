// A router in front of two schedulers. Statements S40, S41, M41.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { assertRefused, eventually, getJson, postItem, request, startProgram, temporaryFolder } from './support/network.mjs'
import { messageTags, peek, printed, processTags, spawnProcess, tag } from './support/aos.mjs'
import { addressOf, generateWallet, signItem, testWallet, unknownId } from './support/items.mjs'

const data = temporaryFolder()
const routed = generateWallet()
let gateway, schedulers, router, net

const list = join(temporaryFolder(), 'schedulers.json')
const startRouter = () => startProgram('router', ['--port', '0', '--data', data, '--schedulers', list])

before(async () => {
  gateway = await startProgram('serve', ['--units', 'ar', '--ar-port', '0', '--bundler-port', '0', '--data', temporaryFolder()])
  const arweave = ['--gateway-url', gateway.info.ar, '--upload', gateway.info.bundler]
  schedulers = []
  for (let i = 0; i < 3; i++) schedulers.push(await startProgram('su', ['--port', '0', '--data', temporaryFolder(), ...arweave]))
  const [one, two, own] = schedulers.map(({ info }) => info.su)
  writeFileSync(list, JSON.stringify([{ url: one }, { url: `${two}/` }, { url: own, wallets_only: true, wallets_to_route: addressOf(routed) }]))
  router = await startRouter()
  net = { scheduler: schedulers[0].info.scheduler, authority: schedulers[0].info.scheduler, module64: unknownId }
})
after(async () => {
  for (const program of [router, ...(schedulers ?? []), gateway]) await program?.stop()
})

// Post as a messenger does: the same body once more where the redirect says.
async function post(item) {
  const { id, raw } = await signItem(item)
  const { status, headers, text } = await postItem(router.info.su, raw)
  assert.equal(status, 307, text)
  assert.equal(text, '')
  const location = headers.get('location')
  const answer = await postItem(location, raw)
  assert.equal(answer.status, 200, answer.text)
  return { id, at: new URL(location).origin }
}

const spawn = (wallet) => post({ wallet, tags: processTags(net, { tags: [tag('N', String(Math.random()))] }) })

test('S41 processes go to the scheduler with the fewest, their messages to the same', async () => {
  const [one, two] = schedulers.map(({ info }) => info.su)
  const spawned = []
  for (let i = 0; i < 6; i++) spawned.push(await spawn())
  for (const url of [one, two]) assert.equal(spawned.filter(({ at }) => at === url).length, 3)
  for (const { id, at } of spawned) {
    const message = await post({ target: id, tags: messageTags() })
    assert.equal(message.at, at)
    assert.equal((await getJson(`${at}/${message.id}?process-id=${id}`)).message.target, id)
  }
  const { raw } = await signItem({ tags: processTags(net), data: 'again' })
  const first = await postItem(router.info.su, raw)
  assert.equal((await postItem(router.info.su, raw)).headers.get('location'), first.headers.get('location'))
})

test('a wallet that is named goes to its own scheduler', async () => {
  assert.equal((await spawn(routed)).at, schedulers[2].info.su)
})

test('S40 every route is redirected with path and query, unknown processes are refused', async () => {
  const { id, at } = await spawn()
  const paths = [`/?process-id=${id}`, `/timestamp?process-id=${id}`, `/${unknownId}?process-id=${id}`,
    `/${id}?process-id=${id}&from=5&limit=3`, `/processes/${id}`, `/${id}/latest`]
  for (const path of paths) {
    const { status, headers } = await request(router.info.su + path)
    assert.equal(status, 307, path)
    assert.equal(headers.get('location'), at + path)
    const unknown = await request(router.info.su + path.replaceAll(id, unknownId.replace(/./, 'x')))
    assert.equal(unknown.status, 400, path)
    assertRefused(unknown, /NotFound/)
  }
  const assign = await request(`${router.info.su}/?process-id=${id}&assign=${unknownId}`, { method: 'POST' })
  assert.equal(assign.headers.get('location'), `${at}/?process-id=${id}&assign=${unknownId}`)
  assert.equal((await request(`${router.info.su}/health`)).status, 200)
  assertRefused(await request(`${router.info.su}/`), /No process-id query parameter provided/)
})

test('what has no scheduler is refused', async () => {
  const { raw } = await signItem({ target: unknownId, tags: messageTags() })
  const refusal = await postItem(router.info.su, raw)
  assert.equal(refusal.status, 400)
  assertRefused(refusal, /Unable to locate scheduler for message target/)
  assertRefused(await request(`${router.info.su}/?process-id=${unknownId}&assign=${unknownId}`, { method: 'POST' }),
    /Unable to locate scheduler for process-id/)
  assertRefused(await postItem(router.info.su, 'no item'))
  const forged = await signItem({ tags: processTags(net), wallet: testWallet })
  forged.raw[100] ^= 1
  assertRefused(await postItem(router.info.su, forged.raw))
})

test('M41 a messenger and a compute unit work through the router', async () => {
  const units = ['--gateway-url', gateway.info.ar, '--upload', gateway.info.bundler, '--scheduler-url', router.info.su]
  const cu = await startProgram('cu', ['--port', '0', '--data', temporaryFolder(), ...units])
  const mu = await startProgram('mu', ['--port', '0', '--data', temporaryFolder(), ...units, '--computer-url', cu.info.cu])
  try {
    const network = { ...net, mu: mu.info.mu, cu: cu.info.cu, su: router.info.su, authority: mu.info.authority, module64: gateway.info.modules.aos2_0_6 }
    const [a, b] = [await spawnProcess(network), await spawnProcess(network)]
    await printed(network, b, `Handlers.add('greet', 'Greet', function (msg) msg.reply({ Data = 'hello ' .. msg.Data }) end)`)
    await printed(network, a, `Answer = Send({ Target = '${b}', Action = 'Greet', Data = 'you' }).receive().Data`)
    await eventually('the answer is back', async () => (await peek(network, a, 'return Answer', addressOf(testWallet))) === 'hello you')
    const places = await Promise.all([a, b].map(async (id) => (await request(`${router.info.su}/processes/${id}`)).headers.get('location')))
    assert.notEqual(new URL(places[0]).origin, new URL(places[1]).origin)
  } finally {
    await mu.stop()
    await cu.stop()
  }
})

test('places are remembered', async () => {
  const { id, at } = await spawn()
  await router.stop()
  router = await startRouter()
  assert.equal((await request(`${router.info.su}/processes/${id}`)).headers.get('location'), `${at}/processes/${id}`)
})
