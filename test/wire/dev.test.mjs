// The command `aod dev`: its options, its banner, its ports file, how it starts and ends.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { eventually, postItem, request, root, runProgram, startNetwork, temporaryFolder } from './support/network.mjs'
import { messageTags, printed, sendMessage, spawnProcess, tag, testWallet } from './support/aos.mjs'
import { addressOf, readWallet, signItem } from './support/items.mjs'

const address = /^[A-Za-z0-9_-]{43}$/
const units = ['ar', 'bundler', 'mu', 'su', 'cu']

async function withNetwork(options, use) {
  const net = await startNetwork(options)
  try {
    await use(net)
  } finally {
    await net.stop()
  }
}

// The first of five free consecutive ports, as far as one can know.
async function freePortBase() {
  for (;;) {
    const base = 20_000 + Math.floor(Math.random() * 20_000)
    const held = []
    const isFree = (port) => new Promise((resolve) => {
      const server = createServer().once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
      held.push(server)
    })
    const free = await Promise.all([0, 1, 2, 3, 4].map((i) => isFree(base + i)))
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
    if (free.every(Boolean)) return base
  }
}

test('the ports file has everything a client needs, and every port answers when it is there', async (t) => {
  const began = Date.now()
  await withNetwork({}, async (net) => {
    t.diagnostic(`ready ${Date.now() - began} ms after the command was given`)
    const file = JSON.parse(readFileSync(net.portsFile, 'utf8'))
    assert.deepEqual(Object.keys(file).sort(), [...units, 'accounts', 'authority', 'modules', 'pid', 'scheduler'].sort())
    assert.equal(file.pid, net.run.child.pid)
    for (const unit of units) {
      assert.match(file[unit], /^http:\/\/127\.0\.0\.1:\d+$/)
      await request(file[unit])
    }
    assert.match(file.scheduler, address)
    assert.match(file.authority, address)
    for (const name of ['aos2_0_6', 'aos2_0_4_32', 'aos2_0_3', 'aos2_0_1', 'aos']) assert.match(file.modules[name], address)
    assert.equal(file.modules.aos2_0_6, 'ISShJH1ij-hPPt9St5UFFr_8Ys3Kj5cyg7zrMGt7H9s')
    assert.equal(file.accounts.length, 10)
    for (const account of file.accounts) assert.equal(addressOf(readWallet(account.jwk)), account.address)
    assert.deepEqual(readdirSync(dirname(net.portsFile)), ['ports.json'], 'nothing half-written beside it')
  })
})

test('the banner has the URLs, the addresses, the modules, and lines to paste', async () => {
  await withNetwork({}, async (net) => {
    const banner = await eventually('the banner', () => net.run.out.includes(net.cu) && net.run.out)
    for (const unit of units) assert.ok(banner.includes(net[unit].replace(/^http:\/\/[^:]+/, '')), `${unit}\n${banner}`)
    for (const text of [net.scheduler, net.authority, 'aos2_0_6', net.modules.aos2_0_6]) assert.ok(banner.includes(text), text)
    for (const { address } of net.accounts) assert.ok(banner.includes(address), address)
    for (const text of ['MU_URL', 'CU_URL', 'GATEWAY_URL', 'aos']) assert.ok(banner.includes(text), text)
  })
})

test('an account from the ports file can be used as a wallet at once', async () => {
  await withNetwork({}, async (net) => {
    const wallet = readWallet(net.accounts[0].jwk)
    const process = await spawnProcess(net, { wallet })
    assert.equal(await printed(net, process, 'return Owner', { wallet }), net.accounts[0].address)
  })
})

test('the accounts are the same in every network', async () => {
  const addresses = []
  for (let i = 0; i < 2; i++) {
    await withNetwork({}, async ({ accounts, scheduler, authority }) => {
      addresses.push([scheduler, authority, ...accounts.map(({ address }) => address)])
    })
  }
  assert.deepEqual(addresses[0], addresses[1])
})

test('--port-base takes five consecutive ports', async () => {
  const base = await freePortBase()
  await withNetwork({ args: ['--port-base', String(base)] }, async (net) => {
    assert.deepEqual(units.map((unit) => new URL(net[unit]).port), [0, 1, 2, 3, 4].map((i) => String(base + i)))
  })
})

test('a port that is in use is named', async () => {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  const run = runProgram(['dev', '--port-base', String(port - 2)])
  const { code } = await run.ended.finally(() => server.close())
  assert.ok(code > 0, `exit ${code}`)
  assert.match(run.err, new RegExp(`\\b${port}\\b`))
  assert.match(run.err, /in use/)
})

test('--wallet signs for scheduler and messenger', async () => {
  const file = join(temporaryFolder(), 'wallet.json')
  writeFileSync(file, JSON.stringify(testWallet))
  await withNetwork({ args: ['--wallet', file] }, async (net) => {
    assert.equal(net.scheduler, addressOf(testWallet))
    assert.equal(net.authority, addressOf(testWallet))
  })
})

test('--module adds modules under their file names, known ones under their network\'s id', async () => {
  const folder = temporaryFolder()
  const known = readFileSync(join(root, 'build/modules/process.wasm'))
  const own = Buffer.concat([known, Buffer.from([0, 4, 3]), Buffer.from('own')]) // with a custom section
  const files = { mine: known, own_1: own }
  const args = Object.entries(files).flatMap(([name, bytes]) => {
    const file = join(folder, `${name}.wasm`)
    writeFileSync(file, bytes)
    return ['--module', file]
  })
  await withNetwork({ args }, async (net) => {
    assert.equal(net.modules.mine, 'xGPbJbpdLCOKMGfCpiik_O4uq4bhgxpso_0B5klwpoA')
    for (const [name, bytes] of Object.entries(files)) {
      assert.match(net.modules[name], address)
      assert.deepEqual((await request(`${net.ar}/raw/${net.modules[name]}`)).bytes, bytes)
    }
  })
})

test('options that are wrong are named, and nothing starts', async () => {
  const missing = join(temporaryFolder(), 'missing.json')
  for (const [args, complaint] of [
    [['dev', '--no-such-option'], /no-such-option/],
    [['dev', '--port-base', 'many'], /port-base/],
    [['dev', '--port-base', '65534'], /port-base/],
    [['dev', '--data'], /data/],
    [['dev', '--wallet', missing], /missing\.json/],
    [['dev', '--module', missing], /missing\.json/],
    [['dev', 'extra'], /extra/],
    [['no-such-command'], /no-such-command/],
  ]) {
    const run = runProgram(args)
    const { code } = await run.ended
    assert.ok(code > 0, `${args} ended with ${code}`)
    assert.match(run.err, complaint)
  }
})

test('--help and --version', async () => {
  const help = runProgram(['dev', '--help'])
  assert.equal((await help.ended).code, 0)
  for (const option of ['--data', '--port-base', '--host', '--wallet', '--module', '--ports-file']) {
    assert.ok(help.out.includes(option), option)
  }
  const version = runProgram(['--version'])
  assert.equal((await version.ended).code, 0)
  assert.match(version.out, /\d+\.\d+\.\d+/)
})

test('without --data it leaves nothing behind', async () => {
  const temporary = temporaryFolder()
  let net
  await withNetwork({ env: { TMPDIR: temporary } }, async (started) => {
    net = started
    await printed(net, await spawnProcess(net), 'return 1')
    assert.equal(readdirSync(temporary).length, 1)
  })
  assert.deepEqual(readdirSync(temporary), [])
  assert.ok(!existsSync(net.portsFile) || JSON.parse(readFileSync(net.portsFile)).pid === net.run.child.pid)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`${signal} finishes what was accepted and exits 0`, async () => {
    const data = temporaryFolder()
    const net = await startNetwork({ data })
    const process = await spawnProcess(net)
    const { id, raw } = await signItem({ target: process, tags: messageTags(tag('Action', 'Eval')), data: 'return 5' })
    const posted = postItem(net.mu, raw)
    await posted
    net.run.signal(signal)
    assert.deepEqual(await net.run.ended, { code: 0, signal: null })
    await withNetwork({ data }, async (again) => {
      assert.equal((await request(`${again.su}/${id}?process-id=${process}`)).json.message.id, id)
    })
  })
}

test('a second signal ends it at once, whatever it is doing', async () => {
  const net = await startNetwork()
  const process = await spawnProcess(net)
  await sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: 'while true do end' })
  net.run.signal('SIGTERM')
  await eventually('it has stopped listening', () => request(net.mu, { timeout_ms: 1000 }).then(() => false, () => true))
  const began = Date.now()
  net.run.signal('SIGTERM')
  await net.run.ended
  assert.ok(Date.now() - began < 2000, `${Date.now() - began} ms`)
})

test('two networks with one data folder: the second is told', async () => {
  const data = temporaryFolder()
  await withNetwork({ data }, async () => {
    const run = runProgram(['dev', '--port-base', '0', '--data', data])
    const { code } = await run.ended
    assert.ok(code > 0)
    assert.ok(run.err.includes(data), run.err)
  })
})
