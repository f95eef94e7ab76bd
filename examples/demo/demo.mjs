// A whole AO network in one program, driven by an ordinary client: start it, spawn processes from a
// real aos module, talk to them, let them talk to each other, stop. `make demo` builds what it needs.
//
// Every step prints what was done, the id it got, what came back and how long it took. The first
// step that fails is named, and the exit status is 1.
import { webcrypto } from 'node:crypto'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

globalThis.crypto ??= webcrypto // Node 18 has it, but not where aoconnect looks
const { connect, createDataItemSigner } = await import('@permaweb/aoconnect')

const program = fileURLToPath(new URL('../../build/aod', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'aod-demo-'))
const step_ms_max = 60_000
const moduleName = 'aos2_0_6'

// --- Printing -------------------------------------------------------------------------------------

const colours = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code) => (text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text)
const [bold, dim, green, red, cyan] = [1, 2, 32, 31, 36].map(paint)
const plain = (text) => text.replace(/\x1b\[[0-9;]*m/g, '')
const dedent = (text) => text.replaceAll(/^\n*( *)/.exec(text)[1], '').trim()
const milliseconds = (since) => `${(performance.now() - since).toFixed(1)} ms`.padStart(10)

function show(name, time, details) {
  console.log(`${green('✓')} ${bold(name.padEnd(58))}${dim(time)}`)
  for (const [label, text] of Object.entries(details)) {
    const [first, ...rest] = plain(String(text)).split('\n')
    console.log(`    ${dim(label.padEnd(8))} ${cyan(first)}`)
    rest.forEach((line) => console.log(`    ${' '.repeat(8)} ${cyan(line)}`))
  }
}

// Do one step and print it. `act` answers the details to show, and under `value` what to keep.
async function step(name, act) {
  const began = performance.now()
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer after ${step_ms_max / 1000} s`)), step_ms_max)
  })
  try {
    const { value, ...details } = await Promise.race([act(), late])
    show(name, milliseconds(began), details)
    return value
  } catch (error) {
    throw Object.assign(error, { step: name })
  } finally {
    clearTimeout(timer)
  }
}

// --- The network ------------------------------------------------------------------------------------

function startProgram() {
  const portsFile = join(folder, 'ports.json')
  const child = spawn(program, ['dev', '--port-base', '0', '--data', join(folder, 'data'), '--ports-file', portsFile],
    { stdio: ['ignore', 'ignore', 'pipe'] })
  const network = { child, said: '' }
  child.stderr.on('data', (chunk) => { network.said += chunk })
  network.ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(code ?? signal))
  }).then((end) => (network.end = end))
  network.ready = (async () => {
    for (;;) {
      try {
        return JSON.parse(readFileSync(portsFile, 'utf8'))
      } catch {
        if (network.end !== undefined) throw new Error(`aod dev ended: ${network.end}`)
        await new Promise((resume) => setTimeout(resume, 2))
      }
    }
  })()
  return network
}

// --- The story --------------------------------------------------------------------------------------

async function tell(network) {
  const net = await step('start Arweave gateway, MU, SU and CU in one process', async () => {
    const info = await network.ready
    return { value: info, gateway: info.ar, mu: info.mu, su: info.su, cu: info.cu, pid: info.pid }
  })
  const ao = connect({ MODE: 'legacy', MU_URL: net.mu, CU_URL: net.cu, GATEWAY_URL: net.ar })
  const [account] = net.accounts
  const signer = createDataItemSigner(JSON.parse(readFileSync(account.jwk, 'utf8')))
  const module = net.modules[moduleName]
  const evalTags = [{ name: 'Action', value: 'Eval' }]

  const send = async (process, tags, data) => {
    const message = await ao.message({ process, signer, tags, data })
    const result = await ao.result({ process, message })
    const problem = result.error ?? result.Error
    if (problem) throw new Error(plain(typeof problem === 'string' ? problem : JSON.stringify(problem)))
    return { message, result }
  }
  const evaluate = (name, process, code, expected) => step(name, async () => {
    const { message, result } = await send(process, evalTags, code)
    const output = plain(String(result.Output.data))
    if (expected !== undefined && output !== expected) throw new Error(`expected ${expected}, got ${output}`)
    return { value: result, id: message, code: dedent(code), ...(output && { result: output }) }
  })
  const spawnProcess = (name) => step(`spawn ${name} from ${moduleName}`, async () => {
    const id = await ao.spawn({
      module,
      scheduler: net.scheduler,
      signer,
      tags: [{ name: 'Name', value: name }, { name: 'Authority', value: net.authority }],
    })
    const boot = await ao.result({ process: id, message: id })
    if (boot.Error ?? boot.error) throw new Error(JSON.stringify(boot))
    return { value: id, id, module }
  })

  const alice = await spawnProcess('alice')
  await evaluate('evaluate an expression in alice', alice, 'return "1 + 1 = " .. 1 + 1', '1 + 1 = 2')
  await evaluate('add a handler to alice', alice, `
    Handlers.add('greet', 'Greet', function (msg)
      msg.reply({ Action = 'Greeting', Data = 'Hello, ' .. msg.Data .. '!' })
    end)`)
  await step('send alice a message', async () => {
    const { message, result } = await send(alice, [{ name: 'Action', value: 'Greet' }], 'world')
    const [reply] = result.Messages
    if (reply?.Data !== 'Hello, world!') throw new Error(`no greeting in ${JSON.stringify(result)}`)
    return { id: message, reply: reply.Data, to: `${reply.Target} (this demo's account)` }
  })

  const bob = await spawnProcess('bob')
  await evaluate('bob asks alice, and waits for the reply', bob, `
    local reply = Send({ Target = '${alice}', Action = 'Greet', Data = 'Bob' }).receive()
    Said = reply.Data
    print('alice says: ' .. Said)`)
  await step('the reply has reached bob, and his program went on', async () => {
    for (;;) {
      const { edges } = await ao.results({ process: bob, sort: 'ASC', limit: 25 })
      const printed = edges.map(({ node }) => plain(String(node.Output?.data ?? '')).trim())
      if (printed.some((text) => text.endsWith('alice says: Hello, Bob!'))) {
        return { history: printed.map((text, nonce) => `${nonce}: ${text || '(nothing printed)'}`).join('\n') }
      }
      await new Promise((resume) => setTimeout(resume, 2))
    }
  })
  await step('look into bob without sending a message', async () => {
    const { Output, error, Error: problem } = await ao.dryrun({
      process: bob,
      Owner: account.address,
      tags: evalTags,
      data: 'return Said',
    })
    if (plain(String(Output?.data)) !== 'Hello, Bob!') throw new Error(JSON.stringify(error ?? problem ?? Output))
    return { code: 'return Said', result: Output.data }
  })
  await step('stop', async () => {
    network.child.kill('SIGTERM')
    const end = await network.ended
    if (end !== 0) throw new Error(`aod dev ended: ${end}`)
    return {}
  })
}

console.log(`\n${bold('aod demo')}  ${dim('an AO network in one program, two processes that talk')}\n`)
const began = performance.now()
const network = startProgram()
try {
  await tell(network)
  console.log(`\n${dim(`all of it in ${((performance.now() - began) / 1000).toFixed(2)} s`)}\n`)
} catch (error) {
  console.error(`${red('✗')} ${bold(error.step ?? 'the demo')} failed\n    ${error.message}`)
  if (network.said) console.error(dim(`    aod said:\n${network.said.replace(/^/gm, '    ')}`))
  process.exitCode = 1
} finally {
  network.child.kill('SIGKILL')
  await network.ended
  rmSync(folder, { recursive: true, force: true })
}
