// docs/limits.md tells what src/ar/limits.h says.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const read = (path) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

// name -> number, of "AOD__X = 16 << 20," and "#define AOD__X ((uint64_t)4 << 30)"
function limitsInCode() {
  const limits = new Map()
  for (const [, name, , value] of read('src/ar/limits.h').matchAll(/(AOD__\w+)( =| +\(\(uint64_t\))([\d *<]+)/g)) {
    const [, number, , shift] = /^([\d *]+)(<< (\d+))?/.exec(value.trim())
    limits.set(name, number.split('*').reduce((product, part) => product * Number(part), 1) * 2 ** Number(shift ?? 0))
  }
  return limits
}

function limitsInPage() {
  const units = { bytes: 1, ms: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
  const limits = new Map()
  for (const [, number, unit, name] of read('docs/limits.md').matchAll(/\| (?:newest )?(\d+) ?(\w+)? \| `(AOD__\w+)` \|/g)) {
    limits.set(name, Number(number) * (unit ? units[unit] : 1))
  }
  return limits
}

test('docs/limits.md tells every limit of src/ar/limits.h', () => {
  const code = limitsInCode()
  assert.ok(code.size > 20, 'limits were found')
  assert.deepEqual([...limitsInPage()].sort(), [...code].sort())
})
