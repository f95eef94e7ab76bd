// How long until a module that no cache has answers for the first time, and until its optimised code
// is in use?
//
// The program is copied to a folder of its own, so that it does not find what the build compiled.
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { heading, line, ms, quantile } from './support/report.mjs'
import { env, message, spawnTags } from './support/messages.mjs'

const runs = 5
const build = fileURLToPath(new URL('../build', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'aod-first-'))
process.on('exit', () => rmSync(folder, { recursive: true }))
const program = join(folder, 'aod')
copyFileSync(process.env.AOD_PROGRAM ?? join(build, 'aod'), program)
process.env.AOD_PROGRAM = program // for what is imported
const { startNetwork, temporaryFolder } = await import('../test/wire/support/network.mjs')
const { resultOf, spawnProcess, uploadModule } = await import('../test/wire/support/aos.mjs')

const moduleFile = process.env.AOD_BENCH_MODULE ?? join(build, 'modules/aos2_0_6.wasm')
const format = 'wasm64-unknown-emscripten-draft_2024_02_15'
const input = `${JSON.stringify({ format, compute_limit: 9e12, msg: message(0, spawnTags, ''), env })}\n`

const emptyCache = () => ({ ...process.env, AOD_CACHE: temporaryFolder() })

// `aod eval` with its first line waiting: [to the first answer, to the optimised code] in ms.
async function evaluateOnce(untilOptimised) {
  const began = performance.now()
  const child = spawn(program, ['eval', '--module', moduleFile], { env: emptyCache(), stdio: ['pipe', 'pipe', 'pipe'] })
  const seen = (stream, what) => new Promise((resolve, reject) => {
    createInterface({ input: stream }).on('line', (text) => what.test(text) && resolve(performance.now() - began))
    child.on('close', () => reject(new Error(`aod eval ended without ${what}`)))
  })
  const figures = [seen(child.stdout, /"result"/), seen(child.stderr, /optimised in/)]
  figures[1].catch(() => {})
  child.stdin.write(input)
  const first_ms = await figures[0]
  const optimised_ms = untilOptimised ? await figures[1] : null
  child.kill('SIGKILL')
  return [first_ms, optimised_ms]
}

// From the POST of a process until the result of that message is read.
async function spawnOnce() {
  const net = await startNetwork({ data: temporaryFolder(), env: emptyCache() })
  const module = await uploadModule(net, format, readFileSync(moduleFile))
  const began = performance.now()
  const id = await spawnProcess(net, { module })
  const { Error } = await resultOf(net, id, id)
  if (Error) throw new globalThis.Error(Error)
  const took_ms = performance.now() - began
  await net.stop()
  return took_ms
}

async function several(measure) {
  const figures_ms = []
  for (let i = 0; i < runs; i++) figures_ms.push(await measure())
  return figures_ms
}

const note = (figures_ms) => `worst ${ms(Math.max(...figures_ms))}, load ${loadavg()[0].toFixed(1)}`
heading(`A module in no cache (median of ${runs}): until its first answer; the goal is 3 s on two cores`)
const evaluated_ms = await several(async () => (await evaluateOnce(false))[0])
line('aod eval, from the command', ms(quantile(evaluated_ms, 0.5)), note(evaluated_ms))
const spawned_ms = await several(spawnOnce)
line('aod dev, from the POST of a process', ms(quantile(spawned_ms, 0.5)), note(spawned_ms))
line('until the optimised code is in use (once)', ms((await evaluateOnce(true))[1]), `load ${loadavg()[0].toFixed(1)}`)
