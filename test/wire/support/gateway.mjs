// A gateway of a test's own: `aod gateway` on a free port, in a temporary folder that is removed
// with it, or in one that stays. And the client that talks to it.
import Arweave from 'arweave'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, runProgram, temporaryFolder } from './network.mjs'

// block_ms 0: a transaction is pending until the test mines.
export async function startGateway({ data, args = [], block_ms = 0 } = {}) {
  const portsFile = join(temporaryFolder(), 'ports.json')
  const folder = data ? ['--data', data] : []
  const run = runProgram(['gateway', '--port', '0', '--block-ms', String(block_ms), '--ports-file', portsFile, ...folder, ...args])
  const info = await eventually('aod gateway is ready', () => {
    if (!run.isRunning()) assert.fail(`aod gateway ended:\n${run.err}${run.out}`)
    try {
      return JSON.parse(readFileSync(portsFile, 'utf8'))
    } catch (error) {
      if (error.code === 'ENOENT') return null
      throw error
    }
  })
  return {
    ...info,
    run,
    async stop() {
      if (!run.isRunning()) return
      run.signal('SIGTERM')
      const { code, signal } = await run.ended
      assert.equal(code, 0, `aod gateway ended with ${code ?? signal} on SIGTERM:\n${run.err}`)
    },
    async kill() {
      run.signal('SIGKILL')
      await run.ended
    },
  }
}

// arweave-js against a gateway's URL.
export function arweaveClient(url) {
  const { hostname, port, protocol } = new URL(url)
  return Arweave.init({ host: hostname, port: Number(port), protocol: protocol.slice(0, -1), logging: false })
}

// Bytes that do not repeat, the same in every run.
export function patternedBytes(length, seed = 1) {
  const bytes = Buffer.alloc(length)
  let state = seed >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}
