// The yardstick: the reference loader, @permaweb/ao-loader, evaluating the same message in the same
// aos module inside one Node process, without network, signatures or disk. Runs as its own process
// (node --experimental-wasm-memory64 bench/support/loader.mjs PROCESSES MESSAGES) and prints JSON.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { memoryOf } from './report.mjs'
import { env, message } from './messages.mjs'

// Measure `processes` processes with `messages` messages each; from any benchmark.
export function measureLoader(processes, messages) {
  const file = fileURLToPath(import.meta.url)
  const args = ['--no-warnings', '--experimental-wasm-memory64', file, processes, messages].map(String)
  return JSON.parse(execFileSync(process.execPath, args, { maxBuffer: 1 << 26 }))
}

async function main(processes, messages) {
  const AoLoader = createRequire(import.meta.url)('@permaweb/ao-loader')
  const wasm = readFileSync(new URL('../../build/modules/aos2_0_6.wasm', import.meta.url))
  const began = performance.now()
  const handles = []
  for (let i = 0; i < processes; i++) {
    handles.push(await AoLoader(wasm, {
      format: 'wasm64-unknown-emscripten-draft_2024_02_15',
      memoryLimit: '1-gb',
      computeLimit: 9e12,
      inputEncoding: 'JSON-1',
      outputEncoding: 'JSON-1',
    }))
  }
  const load_ms = performance.now() - began
  const idle = memoryOf(process.pid)
  const memories = handles.map(() => null)
  const times_ms = []
  for (let nonce = 0; nonce <= messages; nonce++) {
    for (let i = 0; i < processes; i++) {
      const [tags, data] = nonce === 0
        ? [env.Process.Tags, '']
        : [[{ name: 'Action', value: 'Eval' }], 'Count = (Count or 0) + 1; return Count']
      const start = performance.now()
      const result = await handles[i](memories[i], message(nonce, tags, data), env)
      times_ms.push(performance.now() - start)
      if (result.Error) throw new Error(String(result.Error))
      memories[i] = result.Memory
    }
  }
  const evaluations_ms = times_ms.slice(processes)
  process.stdout.write(JSON.stringify({ load_ms, boot_ms: times_ms[0], evaluations_ms, idle, loaded: memoryOf(process.pid) }))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(Number(process.argv[2]), Number(process.argv[3]))
