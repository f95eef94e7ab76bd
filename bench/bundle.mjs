// How fast is a bundle parsed? The same 10,000 items with arbundles in Node: every item's id, owner,
// target, anchor, tags and data, no signatures checked.
import { Bundle } from '@dha-team/arbundles'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { benchProgram, runJson } from './support/programs.mjs'
import { heading, line, ms, times } from './support/report.mjs'
import { temporaryFolder } from '../test/wire/support/network.mjs'

const count = 10_000, rounds = 10
heading(`Bundles: parsing ${count} items, the best of ${rounds} rounds`)

const file = join(temporaryFolder(), 'bundle')
execFileSync(benchProgram('bundle'), ['make', file, String(count)])
const ours = runJson(benchProgram('bundle'), ['parse', file, rounds])

function parseOnce(payload) {
  const sums = { items: 0, tags: 0, tag_bytes: 0, data_bytes: 0 }
  for (const item of new Bundle(payload).items) {
    sums.items++
    sums.tags += item.tags.length
    for (const { name, value } of item.tags) sums.tag_bytes += name.length + value.length
    sums.data_bytes += item.rawData.length
    assert.ok(item.id && item.rawOwner && item.rawTarget && item.rawAnchor)
  }
  return sums
}

const payload = readFileSync(file)
let theirs_ms = Infinity
for (let i = 0; i < rounds; i++) {
  const began = performance.now()
  const sums = parseOnce(payload)
  theirs_ms = Math.min(theirs_ms, performance.now() - began)
  const { ms: _, ...expected } = ours
  assert.deepEqual(sums, expected)
}
line('aod', ms(ours.ms))
line('arbundles in Node', ms(theirs_ms), `${times(theirs_ms, ours.ms)} as long, the goal is 20 times`)
