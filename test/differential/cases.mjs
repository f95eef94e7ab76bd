// Where modules come from: Binaryen's generator, and real ones of which a few functions are kept.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { damage, mutate } from './mutate.mjs'
import { addCallers, bound, close, slice, widen } from './shape.mjs'
import { FUNCTION, operands, parse, readInstructions, write } from './wasm.mjs'

// Not reference types: Binaryen 108 means an older form of them.
const features = ['simd', 'bulk-memory', 'multivalue', 'sign-ext', 'nontrapping-float-to-int', 'mutable-globals', 'extended-const']
  .map((name) => `--enable-${name}`)

const realNames = ['aos2_0_6', 'aos2_0_4_32', 'aos2_0_3', 'aos2_0_1', 'aos', 'process']

export function realModules(folder) {
  return realNames.map((name) => join(folder, `${name}.wasm`)).filter(existsSync).map((path) => readFileSync(path))
}

const parsed = new Map()
function parseOnce(binary) {
  if (!parsed.has(binary)) parsed.set(binary, close(parse(binary)))
  return structuredClone(parsed.get(binary))
}

// ---- generated ----

// `folder` is the caller's alone.
async function generate(folder, random) {
  const input = join(folder, 'seed.bin'), output = join(folder, 'generated.wasm')
  writeFileSync(input, random.bytes(2000 + random.below(random.below(3) ? 6000 : 30000)))
  const options = random.below(3) ? ['--no-fuzz-oob'] : []
  await promisify(execFile)('wasm-opt', ['-ttf', input, ...features, ...options, '-o', output], { env: { ...process.env, BINARYEN_CORES: '1' } })
  return close(parse(readFileSync(output)))
}

async function generated(folder, random) {
  const module = await generate(folder, random)
  const functions = module.exports.filter(({ name, kind }) => kind === FUNCTION && name !== 'hangLimitInitializer').map(({ index }) => index)
  return { module, own: module.bodies.length, called: [...functions, ...functions].slice(0, 40) }
}

// ---- real ----

const BODY_BYTES_MAX = 6000, KEPT_MAX = 12

// A function, what it calls, what that calls.
function callTree(module, root) {
  const kept = [root]
  for (let i = 0; i < kept.length && kept.length < KEPT_MAX; i++) {
    const callees = readInstructions(module.bodies[kept[i]].code).filter(({ op }) => op === 0x10).map((call) => operands(call)[0])
    for (const callee of callees) {
      const fits = kept.length < KEPT_MAX && !kept.includes(callee) && module.bodies[callee].code.length < BODY_BYTES_MAX
      if (fits) kept.push(callee)
    }
  }
  return kept
}

function sliced(modules, random) {
  const whole = parseOnce(random.pick(modules))
  let root
  do root = random.below(whole.bodies.length)
  while (whole.bodies[root].code.length > BODY_BYTES_MAX || whole.bodies[root].code.length < 20)
  const kept = callTree(whole, root)
  const called = kept.flatMap((_, i) => (i === 0 ? [0, 0, 0, 0, 0, 0] : [i, i]))
  return { module: slice(whole, kept), own: kept.length, called }
}

// ---- a case ----

// A module of which everything but memory is small. `real` may be empty.
export async function makeModule(folder, real, random) {
  const { module: made, own, called } = real.length && random.below(3) === 0 ? sliced(real, random) : await generated(folder, random)
  let module = made
  bound(module, 16, 100)
  if (random.below(4) === 0) module = widen(module, random)
  if (random.below(2)) module = mutate(module, own, 4, random)
  module = addCallers(module, called, random)
  // what aod gives to its optimiser, which must not change a thing
  if (random.below(6) === 0) module.exports.push({ name: 'asyncify_start_unwind', kind: FUNCTION, index: 0 })
  return write(module)
}

// One module, damaged in `count` ways.
export async function makeDamaged(folder, real, random, count) {
  const whole = real.length && random.below(3) === 0 ? random.pick(real) : write(await generate(folder, random))
  return Array.from({ length: count }, () => damage(whole, random))
}
