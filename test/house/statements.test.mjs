// The numbered statements of conformance: each is named by a test that shows it, so that none is lost
// when tests change. Tests in JavaScript begin their title with the numbers; those in C have them in
// the comment above. What a file says about itself at its top does not count.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

// How many there are of each kind: what all units have in common, messenger, scheduler, compute unit,
// clients end to end, the host of a Wasm module, and WeaveDrive.
const counts = { C: 10, M: 45, S: 43, U: 56, E: 20, H: 60, W: 28 }

// Those that no test names, with the reason. One that a test does name must not stand here.
const exceptions = {
  W9: 'a mode of one set-up of the reference, which ours does not have',
  W26: 'code within a module whose compilation takes minutes; to the host it is W23',
  W27: 'has no visible effect',
}

const testFiles = ['test/unit', 'test/wire', 'test/crash'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)))
  .filter((file) => /_test\.c$|\.test\.mjs$/.test(file))

// The texts in which a file may name statements.
function places(file) {
  const text = readFileSync(join(root, file), 'utf8')
  if (file.endsWith('.c')) return text.replace(/^\/\*.*?\*\//s, '').match(/\/\*.*?\*\//gs) ?? []
  return text.match(/(?<=['"`])[A-Z]\d{1,2}(?: [A-Z]\d{1,2})*(?=[ '"`])/g) ?? []
}

const statements = new Set(Object.entries(counts).flatMap(([kind, count]) =>
  Array.from({ length: count }, (_, i) => `${kind}${i + 1}`)))
const named = new Set(testFiles.flatMap(places).flatMap((text) => text.match(/\b[A-Z]\d{1,2}\b/g) ?? []))

test('every numbered statement is named by a test', () => {
  assert.ok(testFiles.length > 60, `found only ${testFiles.length} files`)
  assert.deepEqual([...statements].filter((statement) => !named.has(statement) && !(statement in exceptions)), [])
})

test('exceptions are statements that no test names', () => {
  const done = Object.keys(exceptions).filter((statement) => !statements.has(statement) || named.has(statement))
  assert.deepEqual(done, [], `${done} need not stand among the exceptions any more`)
})
