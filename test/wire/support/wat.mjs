// Modules that a test writes as text. P stands for the type of pointers, i64 or i32.
import wabtModule from 'wabt'

const wabt = await wabtModule()
const features = { simd: true, bulk_memory: true, reference_types: true, multi_value: true, sat_float_to_int: true, sign_extension: true, mutable_globals: true, memory64: true }

export function assemble(text, { wide = true } = {}) {
  const parsed = wabt.parseWat('test.wat', text.replace(/\bP\b/g, wide ? 'i64' : 'i32'), features)
  try {
    parsed.validate()
    return Buffer.from(parsed.toBinary({}).buffer)
  } finally {
    parsed.destroy()
  }
}

export const formatOf = (wide) => wide ? 'wasm64-unknown-emscripten-draft_2024_02_15' : 'wasm32-unknown-emscripten4'

// What every module has that a host can run, with a stack from 4096 to 65536 and the answer "fine" at 1024. `inside` holds
// memory, tables, and handle or what takes its place.
export const answer = 'fine'
export const frame = (inside, imports = '') => `(module ${imports}
  (global $sp (mut P) (P.const 65536))
  (data (P.const 1024) "{\\"ok\\":true,\\"response\\":{\\"Output\\":\\"${answer}\\"}}\\00")
  (func (export "__wasm_call_ctors")) (func (export "emscripten_stack_init"))
  (func (export "emscripten_stack_get_end") (result P) (P.const 4096))
  (func (export "emscripten_stack_get_current") (result P) (global.get $sp))
  (func (export "_emscripten_stack_restore") (param P) (global.set $sp (local.get 0)))
  (func (export "_emscripten_stack_alloc") (param P) (result P)
    (global.set $sp (P.and (P.sub (global.get $sp) (local.get 0)) (P.const -16)))
    (global.get $sp))
  ${inside})`

// A module that does what each message asks for, by a word in its text that `wordFor` gives. `actions` are bodies of
// functions by name, which may return the address of another answer.
export function actor({ memory, declarations = '', actions, wide }) {
  const names = Object.keys(actions)
  const functions = names.map((name, i) => `(func $action${i} (result P) (local $i i32) (local $p P) ${actions[name]}
    (P.const 1024))`)
  const cases = names.map((_, i) => `(if (i32.eq (local.get $what) (i32.const ${i})) (then (return (call $action${i}))))`)
  const digit = (at, factor) => `(i32.mul (i32.sub (i32.load8_u offset=${at} (local.get 0)) (i32.const 48)) (i32.const ${factor}))`
  const wasm = assemble(frame(`
    (memory (export "memory") ${wide ? 'i64' : ''} ${memory}) ${declarations} ${functions.join('\n')}
    (func $word (param P) (result i32)
      (loop $next
        (if (i32.eqz (i32.load8_u (local.get 0))) (then (return (i32.const -1))))
        (if (i32.eq (i32.load8_u (local.get 0)) (i32.const 35))
          (then (return (i32.add (i32.add ${digit(1, 100)} ${digit(2, 10)}) ${digit(3, 1)}))))
        (local.set 0 (P.add (local.get 0) (P.const 1)))
        (br $next))
      (unreachable))
    (func (export "handle") (param P P) (result P) (local $what i32)
      (local.set $what (call $word (local.get 0)))
      ${cases.join('\n')} (P.const 1024))`), { wide })
  return { wasm, wordFor: (name) => `#${String(names.indexOf(name)).padStart(3, '0')}` }
}
