// The short form of the crash suite; `make crash` is the long one. AOD_CRASH_SEED repeats a run.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { storm } from './storm.mjs'

const seed = Number(process.env.AOD_CRASH_SEED ?? randomInt(2 ** 32))
const load = { seed, chains: 80, processes: 6 }

test(`kills of the whole network lose and double nothing, seed ${seed}`, { timeout: 300_000 }, async () => {
  const undisturbed = await storm({ ...load, kills: 0 })
  assert.deepEqual(undisturbed.uploads, Array.from({ length: load.chains }, (_, i) => i))
  assert.deepEqual(await storm({ ...load, kills: 25 }), undisturbed)
})
