// aod against Node: random modules and changed real ones are accepted or refused by both, and what
// both run has the same results, traps, globals and memory, to the bit (shape.mjs says how NaNs are
// made comparable).
//
//   node differential.mjs RUNNER [--seconds N] [--seed TEXT] [--only NUMBER] [--modules FOLDER] [--keep FOLDER]
//
// Case NUMBER of a seed is always the same module. Prints the seed first and one line of totals
// last; the first difference ends it with status 1, with the module kept.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeDamaged, makeModule, realModules } from './cases.mjs'
import { refusalHere, runHere, Runner } from './engines.mjs'
import { randomFrom } from './random.mjs'
import { canonicalNaN } from './shape.mjs'
import { parse, readInstructions, write } from './wasm.mjs'

const { values: options, positionals: [program] } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    only: { type: 'string' },
    modules: { type: 'string', default: 'build/modules' },
    keep: { type: 'string', default: 'build/differential' },
  },
})

if (!program || !existsSync(program)) {
  console.error('usage: node differential.mjs RUNNER [options]: RUNNER is the program differential_run of a build with tests')
  process.exit(64)
}

const FUEL = 5_000_000_000 // about 0.1 s
const DAMAGED_AT_ONCE = 10
const MEMORY_PAGES_MAX = 1024 // of what is run: its bytes are hashed four times
const OUT_OF_FUEL = 'the compute limit is used up'
const OUT_OF_STACK = 'Maximum call stack size exceeded'
// besides clang at the first tier, which is what compiles quickly
const otherCompilers = [['optimised', '-'], ['first', 'gcc'], ['optimised', 'gcc']]

const folder = mkdtempSync(join(tmpdir(), 'aod-differential-'))
const real = realModules(options.modules)
const totals = { modules: 0, refused: 0, run: 0, calls: 0, traps: 0, unfinished: 0, otherCompilers: 0 }

class Difference extends Error {
  constructor(binary, message) {
    super(message)
    this.binary = binary
  }
}

// ---- accepting and refusing ----

// Instructions, types and sections of proposals that V8 has and aod has not.
function isOfOtherProposal(binary) {
  try {
    const module = parse(binary)
    module.bodies.forEach(({ code }) => readInstructions(code))
    return module.memories.some(({ flags }) => flags & 2)
  } catch {
    return true
  }
}

function compareRefusals(binary, ours, theirs) {
  if (ours.crash) throw new Difference(binary, ours.crash)
  totals.refused += ours.error ? 1 : 0
  if (!ours.error === !theirs) return
  if (!ours.error) throw new Difference(binary, `accepted here, but V8 says: ${theirs}`)
  const allowed = ours.error === 'EUNSUPPORTED' || ours.error === 'ELIMIT' || isOfOtherProposal(binary)
  if (!allowed) throw new Difference(binary, `accepted by V8, refused here: ${ours.error} ${ours.message}`)
}

async function compareDamaged(runner, folder, random) {
  for (const binary of await makeDamaged(folder, real, random, DAMAGED_AT_ONCE)) {
    compareRefusals(binary, await runner.check(binary), refusalHere(binary))
    totals.modules++
  }
}

// ---- running ----

const isUnfinished = ({ trap }) => trap === OUT_OF_FUEL || trap === OUT_OF_STACK

function compareCalls(binary, ours, theirs) {
  for (const [i, here] of ours.calls.entries()) {
    const there = theirs.calls[i]
    if (isUnfinished(here) || isUnfinished(there)) return false // each has its own limit
    if (here.value !== there.value || here.trap !== there.trap)
      throw new Difference(binary, `call ${i}: ${JSON.stringify(here)}, V8: ${JSON.stringify(there)}`)
    totals.calls++
    totals.traps += here.trap ? 1 : 0
  }
  return true
}

function compareRuns(binary, ours, theirs) {
  if (ours.start || theirs.start) {
    if (ours.start !== theirs.start) throw new Difference(binary, `start: ${ours.start}, V8: ${theirs.start}`)
    totals.traps++
    return
  }
  if (!ours.repeatable) throw new Difference(binary, 'another result after a rollback')
  if (!compareCalls(binary, ours, theirs)) {
    totals.unfinished++
    return
  }
  for (const what of ['state', 'bytes', 'memory'])
    if (ours[what] !== theirs[what]) throw new Difference(binary, `${what}: ${ours[what]}, V8: ${theirs[what]}`)
}

async function compareModule(runner, binary, thorough) {
  const theirs = refusalHere(binary)
  compareRefusals(binary, await runner.check(binary), theirs)
  totals.modules++
  if (theirs || isOfOtherProposal(binary)) return
  const module = parse(binary)
  if (module.memories[0]?.min > MEMORY_PAGES_MAX) return
  const ours = await runner.run(binary, 'first', '-', FUEL)
  if (ours.crash || ours.error) throw new Difference(binary, `cannot be run: ${JSON.stringify(ours)}`)
  totals.run++
  const unfinished = ours.calls?.findIndex(isUnfinished) ?? -1
  compareRuns(binary, ours, runHere(write(canonicalNaN(module)), unfinished < 0 ? ours.calls?.length ?? 0 : unfinished))
  for (const [tier, compiler] of thorough ? otherCompilers : []) {
    const other = JSON.stringify(await runner.run(binary, tier, compiler, FUEL))
    if (other !== JSON.stringify(ours)) throw new Difference(binary, `${tier} ${compiler}: ${other}\nfirst: ${JSON.stringify(ours)}`)
    totals.otherCompilers++
  }
}

// ---- all ----

async function runCase(runner, folder, number) {
  const random = randomFrom(`${options.seed}/${number}`)
  if (number % 4 === 3) return compareDamaged(runner, folder, random)
  return compareModule(runner, await makeModule(folder, real, random), number % 10 === 0)
}

function report(number, error) {
  console.log(`case ${number} of seed ${options.seed}: ${error.message.slice(0, 3000)}`)
  if (!error.binary) return console.log(error.stack)
  mkdirSync(options.keep, { recursive: true })
  const path = join(options.keep, `${options.seed}-${number}.wasm`)
  writeFileSync(path, error.binary)
  console.log(`the module is in ${path}; this case alone: --seed ${options.seed} --only ${number}`)
}

let next = 0, failed = false

// Cases until `isOver`, in a folder of its own.
async function work(isOver) {
  const own = mkdtempSync(join(folder, 'lane'))
  const runner = new Runner(program, own)
  while (!failed && !isOver()) {
    const number = next++
    await runCase(runner, own, number).catch((error) => {
      failed = true
      report(number, error)
    })
  }
  runner.close()
}

const began = Date.now()
console.log(`seed ${options.seed}`)
if (options.only) {
  next = Number(options.only)
  await work(() => next > Number(options.only))
} else {
  const end = began + 1000 * Number(options.seconds)
  await Promise.all(cpus().map(() => work(() => Date.now() >= end)))
}
rmSync(folder, { recursive: true })
console.log(`${totals.modules} modules (${totals.refused} refused by both), ${totals.run} run (${totals.unfinished} ended by a limit), ` +
  `${totals.calls} calls, ${totals.traps} traps, ${totals.otherCompilers} runs of other compilers, ${Math.round((Date.now() - began) / 1000)} s`)
process.exitCode = failed ? 1 : 0
