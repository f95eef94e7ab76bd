// `aod eval` for a test: the recorded scripts and their modules, scripts of a test's own, and what
// came out. Modules are looked for in $AOD_MODULES, else build/modules.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { program, root } from './network.mjs'

const modules = process.env.AOD_MODULES ?? join(dirname(program), 'modules')
export const moduleFile = (name) => join(modules, `${name}.wasm`)
export const missing = (name) => !existsSync(moduleFile(name)) && `${name}.wasm is not in ${modules}`
export const scriptFile = (name) => join(root, 'test/vectors/eval', `${name}.jsonl`)
// the unit tests compile the same modules
export const env = { ...process.env, AOD_CACHE: join(dirname(program), 'modules-cache') }

export const linesOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line))
export const recordedLines = (name) => linesOf(readFileSync(scriptFile(name), 'utf8'))
export const textOf = (...lines) => lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')

export function aodEval(args, input = '', { around = env, command = [program] } = {}) {
  const [name, ...before] = command
  const { status, stdout, stderr } =
    spawnSync(name, [...before, 'eval', ...args], { input, env: around, maxBuffer: 1 << 28 })
  return { code: status, out: stdout.toString(), err: stderr.toString(), lines: linesOf(stdout.toString()) }
}

// A message to the process of a recorded script: what is recorded in its second line, by its owner,
// with other members.
export function messageOf(script, members) {
  const line = recordedLines(script)[1]
  return { ...line, msg: { ...line.msg, ...members } }
}

// Boots the process of a recorded script, then evaluates one message after the other, each Lua code
// or a whole line. Answers what eval said to these, with the memory's size and hash.
export function evaluateLua(script, messages, { module = script, args = [], ...options } = {}) {
  const [boot] = recordedLines(script)
  const lines = messages.map((message) => typeof message === 'string' ? messageOf(script, { Data: message }) : message)
  const run = aodEval(['--module', moduleFile(module), '--state', ...args], textOf(boot, ...lines), options)
  assert.equal(run.code, 0, run.err)
  assert.equal(run.lines.length, lines.length + 1)
  return run.lines.slice(1)
}

// What an Eval said, without the words around it that depend on the version of aos.
export function outputOf({ result }) {
  assert.equal(result.Error, undefined, JSON.stringify(result.Error))
  const { data = result.Output } = result.Output
  return String(data.output ?? data).replace(/^.*WARNING: Nonce did not match.*\n\n/, '')
}
