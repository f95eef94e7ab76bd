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
