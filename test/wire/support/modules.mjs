// The smallest modules that the reference runs: every message is answered with the Output
// "metered". In a metering format a message costs 1958, whatever is in it.
//
//   (module (memory 16 32) (export "memory" (memory 0))
//     (table 1 1 funcref) (export "__indirect_function_table" (table 0))
//     (global $sp (mut i64) (i64.const 1048576))
//     (data (i64.const 1024) "{\"ok\":true,\"response\":{\"Output\":\"metered\",...}}")
//     (func (export "__wasm_call_ctors")) (func (export "emscripten_stack_init"))
//     (func (export "emscripten_stack_get_end") (result i64) (i64.const 4096))
//     (func (export "emscripten_stack_get_current") (result i64) (global.get $sp))
//     (func (export "_emscripten_stack_restore") (param i64) (global.set $sp (local.get 0)))
//     (func (export "_emscripten_stack_alloc") (param i64) (result i64)
//       (global.set $sp (i64.and (i64.sub (global.get $sp) (local.get 0)) (i64.const -16))) (global.get $sp))
//     (func (export "handle") (param i64 i64) (result i64) (i64.const 1024)))
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './network.mjs'

const bytes = (...lines) => Buffer.from(lines.join(''), 'base64')

export const smallest64 = bytes(
  'AGFzbQEAAAABFwVgAABgAAF+YAF+AGABfgF+YAJ+fgF+AwgHAAABAQIDBAQFAXABAQEFBAEFECAGCQF+AUKAgMAACwfLAQkGbWVtb3J5AgAZX19pbmRpcmVj',
  'dF9mdW5jdGlvbl90YWJsZQEAEV9fd2FzbV9jYWxsX2N0b3JzAAAVZW1zY3JpcHRlbl9zdGFja19pbml0AAEYZW1zY3JpcHRlbl9zdGFja19nZXRfZW5kAAIc',
  'ZW1zY3JpcHRlbl9zdGFja19nZXRfY3VycmVudAADGV9lbXNjcmlwdGVuX3N0YWNrX3Jlc3RvcmUABBdfZW1zY3JpcHRlbl9zdGFja19hbGxvYwAFBmhhbmRs',
  'ZQAGCjAHAwABCwMAAQsFAEKAIAsEACMACwYAIAAkAAsOACMAIAB9QnCDJAAjAAsFAEKACAsLXQEAQoAIC1Z7Im9rIjp0cnVlLCJyZXNwb25zZSI6eyJPdXRw',
  'dXQiOiJtZXRlcmVkIiwiTWVzc2FnZXMiOltdLCJTcGF3bnMiOltdLCJBc3NpZ25tZW50cyI6W119fQ==',
)

// the same with i32 instead of i64
export const smallest32 = bytes(
  'AGFzbQEAAAABFwVgAABgAAF/YAF/AGABfwF/YAJ/fwF/AwgHAAABAQIDBAQFAXABAQEFBAEBECAGCQF/AUGAgMAACwfLAQkGbWVtb3J5AgAZX19pbmRpcmVj',
  'dF9mdW5jdGlvbl90YWJsZQEAEV9fd2FzbV9jYWxsX2N0b3JzAAAVZW1zY3JpcHRlbl9zdGFja19pbml0AAEYZW1zY3JpcHRlbl9zdGFja19nZXRfZW5kAAIc',
  'ZW1zY3JpcHRlbl9zdGFja19nZXRfY3VycmVudAADGV9lbXNjcmlwdGVuX3N0YWNrX3Jlc3RvcmUABBdfZW1zY3JpcHRlbl9zdGFja19hbGxvYwAFBmhhbmRs',
  'ZQAGCjAHAwABCwMAAQsFAEGAIAsEACMACwYAIAAkAAsOACMAIABrQXBxJAAjAAsFAEGACAsLXQEAQYAIC1Z7Im9rIjp0cnVlLCJyZXNwb25zZSI6eyJPdXRw',
  'dXQiOiJtZXRlcmVkIiwiTWVzc2FnZXMiOltdLCJTcGF3bnMiOltdLCJBc3NpZ25tZW50cyI6W119fQ==',
)

// ---- modules for one question ----

// What a format wants exported, by which names, besides the memory, the table and `handle`.
const stack = { get: 'emscripten_stack_get_current', set: '_emscripten_stack_restore', alloc: '_emscripten_stack_alloc' }
const oldStack = { get: 'stackSave', set: 'stackRestore', alloc: 'stackAlloc', main: 'main' }
const common = { memory: 'memory', table: '__indirect_function_table', none: '__wasm_call_ctors', handle: 'handle' }
const ends = { init: 'emscripten_stack_init', end: 'emscripten_stack_get_end' }
const exportsOf = {
  'wasm32-unknown-emscripten': { memory: 'E', none: 'F', handle: 'G', main: 'H', table: 'I', get: 'M', set: 'N', alloc: 'O' },
  'wasm32-unknown-emscripten2': { ...common, ...ends, ...oldStack },
  'wasm32-unknown-emscripten3': { ...common, ...ends, ...oldStack },
}

// A module of a format that answers every message with the Output "smallest", once it has done its
// work; `imports`, `work` and what is defined besides (`more`) are WebAssembly text.
export function moduleOf(format, { imports = '', work = '', more = '' } = {}) {
  const p = format.startsWith('wasm64') ? 'i64' : 'i32'
  const names = exportsOf[format] ?? { ...common, ...ends, ...stack }
  const reply = JSON.stringify({ ok: true, response: { Output: 'smallest', Messages: [], Spawns: [], Assignments: [] } })
  const exported = Object.entries(names).map(([what, name]) =>
    `(export "${name}" (${{ memory: 'memory', table: 'table' }[what] ?? 'func'} $${what}))`)
  return assemble(`(module ${imports}
    (memory $memory ${p === 'i64' ? 'i64' : ''} 96 100) (table $table 1 1 funcref)
    (global $sp (mut ${p}) (${p}.const 1048576)) ${exported.join(' ')}
    (data (${p}.const 1024) "${reply.replaceAll('"', '\\"')}")
    (func $none) (func $init)
    (func $main (param i32 ${p}) (result i32) (i32.const 0))
    (func $end (result ${p}) (${p}.const 4096))
    (func $get (result ${p}) (global.get $sp))
    (func $set (param ${p}) (global.set $sp (local.get 0)))
    (func $alloc (param ${p}) (result ${p})
      (global.set $sp (${p}.and (${p}.sub (global.get $sp) (local.get 0)) (${p}.const -16))) (global.get $sp))
    (func $handle (param ${p} ${p}) (result ${p}) ${work} (${p}.const 1024)) ${more})`)
}

function assemble(text) {
  const [source, binary] = ['module.wat', 'module.wasm'].map((name) => join(temporaryFolder(), name))
  writeFileSync(source, text)
  execFileSync('wasm-as', ['--all-features', source, '-o', binary])
  return readFileSync(binary)
}
