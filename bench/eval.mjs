// How long does an evaluation take, against the reference loader on the same messages in the same
// run? `aod eval` counts keeping or undoing what the message did; the loader's own time likewise
// ends when it has returned, with its copies of the memory or without them.
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { heading, line, ms, quantile, times } from './support/report.mjs'
import { program, root, temporaryFolder } from '../test/wire/support/network.mjs'
import { env, message, spawnTags } from './support/messages.mjs'

const folder = temporaryFolder()
const moduleFile = process.env.AOD_BENCH_MODULE ?? join(root, 'build/modules/aos2_0_6.wasm')
const replay = fileURLToPath(new URL('./support/replay.mjs', import.meta.url))

// ---- scripts ----

const action = (name) => [{ name: 'Action', value: name }]
const evaluate = (code) => [action('Eval'), code]

// Boot, `setup`, then `count` times the message that is measured.
function writeScript(name, { setup, measured, count }) {
  const messages = [[spawnTags, ''], ...setup, ...Array(count).fill(measured)]
  const lines = messages.map(([tags, data], nonce) => JSON.stringify({
    format: 'wasm64-unknown-emscripten-draft_2024_02_15',
    compute_limit: 9e12,
    msg: message(nonce, tags, data),
    env,
  }))
  const file = join(folder, `${name}.jsonl`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

const handler = (name, body) => evaluate(`Handlers.add('${name}', '${name}', function (m) ${body} end)`)
const counter = handler('Count', 'Counter = (Counter or 0) + 1')
const fill = Array.from({ length: 8 }, (_, i) =>
  evaluate(`Big = Big or {} for i = 1, 32 do Big[#Big + 1] = string.rep(string.format('%04d', ${i} * 32 + i), 262144) end`))
const fib = 'local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(27)'

const questions = [
  { name: 'counter handler', setup: [counter], measured: [action('Count'), ''], count: 100, goals: { copy: 100, unsafe: 1.5 } },
  { name: 'the same with 256 MiB of Lua state', setup: [counter, ...fill], measured: [action('Count'), ''], count: 20, goals: { copy: 300 } },
  { name: 'error in a handler', setup: [handler('Fail', "error('no')")], measured: [action('Fail'), ''], count: 50, goals: { copy: 100 } },
  { name: 'fib(27)', setup: [], measured: evaluate(fib), count: 10, goals: { unsafe: 2 } },
  { name: '100,000 pcall(error)', setup: [], measured: evaluate('for i = 1, 100000 do pcall(error) end'), count: 5, goals: { unsafe: 15 } },
]

// ---- measuring ----

const linesOf = (text) => text.trim().split('\n').map((text_) => JSON.parse(text_))

function runAod(script) {
  const { status, stdout, stderr } = spawnSync(program, ['eval', '--module', moduleFile, '--messages', script],
    { maxBuffer: 1 << 28 })
  if (status !== 0) throw new Error(stderr.toString())
  return linesOf(stdout.toString())
}

const runLoader = (script, mode) =>
  linesOf(execFileSync(process.execPath, ['--no-warnings', '--experimental-wasm-memory64', replay, moduleFile, script, mode],
    { maxBuffer: 1 << 28 }).toString())

// Nothing counts when the results are not the same.
function checkEqual(ours, theirs, what) {
  ours.forEach(({ result }, i) => {
    const [got, expected] = [JSON.stringify(result), JSON.stringify(theirs[i].result)]
    if (got !== expected) throw new Error(`${what}: message ${i} differs\n${got}\n${expected}`)
  })
}

const median = (lines, count) => quantile(lines.slice(-count).map((answer) => answer.ms), 0.5)

heading('Evaluation of one message in aos 2.0.6, median: aod eval against ao-loader')
for (const question of questions) {
  const script = writeScript(question.name, question)
  const ours = runAod(script)
  const our_ms = median(ours, question.count)
  line(`${question.name}: aod`, ms(our_ms))
  for (const [mode, goal] of Object.entries(question.goals)) {
    const theirs = runLoader(script, mode)
    checkEqual(ours, theirs, question.name)
    const their_ms = median(theirs, question.count)
    line(`  ao-loader, ${mode === 'copy' ? 'as the compute unit calls it' : 'its unsafe switch, no copies'}`, ms(their_ms),
      `${times(their_ms, our_ms)}; goal ${goal}`)
  }
}
