// The reference loader on a script for `aod eval`: one process, messages in a row, no network. Runs
// as its own process: node --experimental-wasm-memory64 replay.mjs MODULE SCRIPT copy|unsafe
// and prints a line of JSON a message, as `aod eval` does.
//
// copy: as the reference compute unit calls it: the memory of before goes in, that of after comes
// out, and what a message with an Error leaves is dropped. unsafe: with the loader's switch that
// leaves the memory where it is, so that nothing can be undone.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'

const [, , moduleFile, scriptFile, mode] = process.argv
const AoLoader = createRequire(import.meta.url)('@permaweb/ao-loader')
const lines = readFileSync(scriptFile, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line))
const handle = await AoLoader(readFileSync(moduleFile), {
  format: lines[0].format,
  computeLimit: lines[0].compute_limit,
  memoryLimit: '1-gb',
  inputEncoding: 'JSON-1',
  outputEncoding: 'JSON-1',
  UNSAFE_MEMORY: mode === 'unsafe',
})

let memory = null
for (const [i, { msg, env }] of lines.entries()) {
  const began = performance.now()
  const { Memory, ...result } = await handle(memory, msg, env).catch((thrown) => ({ Error: thrown.message ?? thrown }))
  const ms = performance.now() - began
  if (!result.Error) memory = mode === 'unsafe' ? null : Memory
  process.stdout.write(`${JSON.stringify({ i, result, ms })}\n`)
}
