// The two sides: aod, through the program run.c, and V8, here.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import v8 from 'node:v8'
import { Script } from 'node:vm'

// What aod has and V8 calls experimental, and the other way round; then, less work for modules that
// run once.
for (const flag of ['experimental-wasm-memory64', 'experimental-wasm-extended-const', 'no-experimental-wasm-return-call', 'no-wasm-tier-up'])
  v8.setFlagsFromString(`--${flag}`)

// ---- aod ----

// Runs requests one after the other. When the program ends, the request it was at is answered with
// `crash`, and the next one starts another.
export class Runner {
  constructor(program, folder) {
    Object.assign(this, { program, path: join(folder, 'asked.wasm'), cache: join(folder, 'cache') })
  }

  #start() {
    this.child = spawn(this.program, [this.cache], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.errors = ''
    this.child.stderr.on('data', (data) => { this.errors += data })
    createInterface({ input: this.child.stdout }).on('line', (line) => this.answer?.(JSON.parse(line)))
    this.child.on('close', (code, signal) => {
      this.child = undefined
      this.answer?.({ crash: `ended with ${signal ?? code}: ${this.errors.slice(-3000)}` })
    })
    this.child.stdin.on('error', () => {}) // told by close
  }

  #ask(binary, request) {
    writeFileSync(this.path, binary)
    if (!this.child) this.#start()
    return new Promise((resolve) => {
      this.answer = (answer) => {
        this.answer = undefined
        resolve(answer)
      }
      this.child.stdin.write(`${request} ${this.path}\n`)
    })
  }

  check(binary) {
    return this.#ask(binary, 'check')
  }

  run(binary, tier, compiler, fuel) {
    return this.#ask(binary, `run ${tier} ${compiler} ${fuel}`)
  }

  close() {
    this.child?.stdin.end()
  }
}

// ---- V8 ----

const CALL_MS_MAX = 20_000 // only calls that end on the other side are made

// V8's words and ours for them.
const words = [
  [/data segment \d+ is out of bounds|memory access out of bounds/, 'memory access out of bounds'],
  [/table (index|access|initializer \d+).*out of bounds|table initializer \d+: table access|element segment.*out of bounds/, 'table index is out of bounds'],
]

function trapText(error) {
  if (error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return `no end within ${CALL_MS_MAX} ms`
  const known = words.find(([pattern]) => pattern.test(error.message))
  return known ? known[1] : error.message
}

const callIt = new Script('globalThis.differentialCall()')

function call(exported) {
  globalThis.differentialCall = exported
  try {
    return { value: String(BigInt.asUintN(64, callIt.runInThisContext({ timeout: CALL_MS_MAX }))) }
  } catch (error) {
    return { value: '0', trap: trapText(error) }
  }
}

const isEnough = ({ trap }) => trap === 'Maximum call stack size exceeded'

// The same as a runner's answer, but for fuel. Makes `count` calls, or ends with the first that
// reaches V8's own limit.
export function runHere(binary, count) {
  const module = new WebAssembly.Module(binary)
  let exports
  try {
    exports = new WebAssembly.Instance(module).exports
  } catch (error) {
    return { start: trapText(error) }
  }
  const calls = []
  for (let i = 0; i < count && !calls.some(isEnough); i++) calls.push(call(exports[`c${i}`]))
  const state = call(exports.state).value
  const memory = new Uint8Array(exports.memory ? exports.memory.buffer : 0)
  return { calls, state, bytes: memory.length, memory: createHash('sha256').update(memory).digest('hex') }
}

// undefined when the module is valid, else why not.
export function refusalHere(binary) {
  try {
    new WebAssembly.Module(binary)
    return undefined
  } catch (error) {
    return error.message
  }
}
