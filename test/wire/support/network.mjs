// A whole network for a test: `aod dev` in a temporary folder, or units that already run, whose
// addresses stand in the environment:
//
//   AOD_AR_URL AOD_BUNDLER_URL AOD_MU_URL AOD_SU_URL AOD_CU_URL   where the units are (all five)
//   AOD_AUTHORITY                                                 the address that pushes messages
//   AOD_MODULE_64 AOD_MODULE_32                                   ids of aos modules they know
//
// AOD_TEST_APART=1 starts the four units as programs of their own instead of `aod dev`.
// AOD_PROGRAM names another aod than build/aod.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../..', import.meta.url))
export const program = process.env.AOD_PROGRAM ?? join(root, 'build/aod')

const ready_ms = 120_000 // a module that is not compiled yet takes its time on a busy machine

// The same question again until the answer is truthy; the deadline is for failures only.
export async function eventually(what, ask, { within_ms = 30_000 } = {}) {
  const deadline = Date.now() + within_ms
  for (let pause_ms = 5; ; pause_ms = Math.min(pause_ms * 1.5, 200)) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > deadline) assert.fail(`not within ${within_ms} ms: ${what}`)
    await new Promise((resume) => setTimeout(resume, pause_ms))
  }
}

// What a test leaves behind when it fails, programs first, then their folders.
const running = new Set()
const folders = []
process.on('exit', () => {
  running.forEach((child) => child.kill('SIGKILL'))
  folders.forEach((folder) => rmSync(folder, { recursive: true, force: true }))
})

export function temporaryFolder() {
  folders.push(mkdtempSync(join(tmpdir(), 'aod-test-')))
  return folders.at(-1)
}

// The first of some consecutive ports that are free now.
export async function freePorts(count) {
  const isFree = (port) => new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
  for (;;) {
    const first = randomInt(10000, 30000)
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)))
    if (free.every(Boolean)) return first
  }
}

// The program with any arguments: what it printed, how it ended, and ways to end it. `via` is a
// command that becomes the program, such as nsenter. It keeps Node running only while somebody waits
// for its end: a test that fails with programs running ends its file, and they go with it.
export function runProgram(args, { env, via = [] } = {}) {
  const [command, ...rest] = [...via, program, ...args]
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const handles = [child, child.stdout, child.stderr]
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
  const run = {
    child,
    out: '',
    err: '',
    get ended() {
      handles.forEach((handle) => handle.ref())
      return ended
    },
    isRunning: () => child.exitCode === null && child.signalCode === null,
    signal: (name) => child.kill(name),
  }
  child.stdout.on('data', (chunk) => { run.out += chunk })
  child.stderr.on('data', (chunk) => { run.err += chunk })
  handles.forEach((handle) => handle.unref())
  running.add(child)
  ended.finally(() => running.delete(child)).catch(() => {})
  return run
}

// Start the program on free ports and wait until every one answers: the run, and what it wrote in
// its ports file.
export async function startProgram(command, args, { env, via } = {}) {
  const portsFile = join(temporaryFolder(), 'ports.json')
  const run = runProgram([command, '--ports-file', portsFile, ...args], { env, via })
  const info = await eventually(`aod ${command} is ready`, () => {
    if (!run.isRunning()) {
      assert.fail(`aod ${command} ended with ${run.child.exitCode ?? run.child.signalCode}:\n${run.err}${run.out}`)
    }
    try {
      return JSON.parse(readFileSync(portsFile, 'utf8'))
    } catch (error) {
      if (error.code === 'ENOENT') return null
      throw error // half a file: it was not written atomically
    }
  }, { within_ms: ready_ms })
  // As an operator stops it. Everything that was accepted is finished, then it exits 0.
  async function stop() {
    if (!run.isRunning()) return
    run.signal('SIGTERM')
    const { code, signal } = await run.ended
    assert.equal(code, 0, `aod ${command} ended with ${code ?? signal} on SIGTERM:\n${run.err}`)
  }
  return { info, run, portsFile, stop }
}

// The same units as separate programs, each with a data folder of its own and the same `args`, that
// know each other by URLs alone.
export async function startApart({ args = [] } = {}) {
  const start = (command, ...own) => startProgram(command, ['--data', temporaryFolder(), ...args, ...own])
  const ar = await start('serve', '--units', 'ar', '--ar-port', '0', '--bundler-port', '0')
  const arweave = ['--gateway-url', ar.info.ar, '--upload', ar.info.bundler]
  const su = await start('su', '--port', '0', ...arweave)
  const cu = await start('cu', '--port', '0', ...arweave, '--scheduler-url', su.info.su)
  const mu = await start('mu', '--port', '0', ...arweave, '--scheduler-url', su.info.su, '--computer-url', cu.info.cu)
  return {
    ar: ar.info.ar,
    bundler: ar.info.bundler,
    mu: mu.info.mu,
    su: su.info.su,
    cu: cu.info.cu,
    scheduler: su.info.scheduler,
    authority: mu.info.authority,
    modules: ar.info.modules,
    module64: ar.info.modules.aos2_0_6,
    module32: ar.info.modules.aos2_0_4_32,
    units: { ar, su, cu, mu },
    async stop() {
      for (const unit of [mu, cu, su, ar]) await unit.stop()
    },
  }
}

// Start `aod dev` on free ports and wait until every one answers. What it wrote in the ports file
// (URLs, scheduler, authority, modules, accounts, pid) becomes properties of the network.
export async function startNetwork({ data, args = [], env } = {}) {
  const folder = data ? ['--data', data] : []
  const { info, run, portsFile, stop } = await startProgram('dev', ['--port-base', '0', ...folder, ...args], { env })
  return {
    ...info,
    run,
    portsFile,
    module64: info.modules.aos2_0_6,
    module32: info.modules.aos2_0_4_32,
    stop,
    // As a power cut stops it.
    async kill() {
      run.signal('SIGKILL')
      await run.ended
    },
  }
}

// The network that the environment names, else one of its own for the calling test file.
export async function network() {
  const env = process.env
  if (env.AOD_TEST_APART) return startApart()
  if (!env.AOD_MU_URL) return startNetwork()
  return {
    ar: env.AOD_AR_URL,
    bundler: env.AOD_BUNDLER_URL,
    mu: env.AOD_MU_URL,
    su: env.AOD_SU_URL,
    cu: env.AOD_CU_URL,
    scheduler: (await getJson(env.AOD_SU_URL)).address,
    authority: env.AOD_AUTHORITY,
    module64: env.AOD_MODULE_64,
    module32: env.AOD_MODULE_32,
    stop: async () => {},
  }
}

// One request. `json` is there when the body is JSON.
export async function request(url, { method = 'GET', headers, body, timeout_ms = 60_000 } = {}) {
  const response = await fetch(url, {
    method,
    headers,
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(timeout_ms),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const answer = { status: response.status, headers: response.headers, bytes, text: bytes.toString() }
  try {
    answer.json = JSON.parse(answer.text)
  } catch {
    // not every answer is JSON
  }
  return answer
}

export async function getJson(url) {
  const { status, json, text } = await request(url)
  assert.equal(status, 200, `GET ${url} answered ${status}: ${text}`)
  return json
}

export const postItem = (url, raw) =>
  request(url, { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: raw })

export async function query(net, text, variables = {}) {
  const { status, json, text: body } = await request(`${net.ar}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: text, variables }),
  })
  assert.equal(status, 200, body)
  assert.equal(json.errors, undefined, body)
  return json.data
}

// A clear refusal: a status of 400 or more, and JSON with a text that says what is wrong.
export function assertRefused({ status, json, text }, pattern = /./) {
  assert.ok(status >= 400, `status ${status} is no refusal: ${text}`)
  assert.equal(typeof json?.error, 'string', `no JSON with a string error: ${text}`)
  assert.match(json.error, pattern)
}
