// Storm after storm, see scripts/crash.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { storm } from './storm.mjs'

const kills = 25
const wanted = Number(process.env.CRASH_KILLS ?? 1000)
const load = { chains: 200, processes: 8 }
const given = process.argv[2] === undefined ? null : Number(process.argv[2])

async function run(seed, apart, undisturbed) {
  const what = `${apart ? 'four programs' : 'one program'}, seed ${seed}`
  const began = Date.now()
  try {
    assert.deepEqual(await storm({ ...load, seed, kills, apart }), undisturbed)
  } catch (error) {
    console.error(`failed: ${what}; repeat with scripts/crash ${seed}\n`, error)
    process.exit(1)
  }
  console.log(`${what}: ${kills} kills, nothing lost or doubled, ${((Date.now() - began) / 1000).toFixed(0)} s`)
}

const undisturbed = await storm({ ...load, seed: 0, kills: 0 })
assert.deepEqual(undisturbed.uploads, Array.from({ length: load.chains }, (_, i) => i))
let done = 0
while (given === null && done < wanted) {
  await run(randomInt(2 ** 32), (done / kills) % 2 === 1, undisturbed)
  done += kills
}
for (const apart of given === null ? [] : [false, true]) await run(given, apart, undisturbed)
console.log(`${given === null ? done : 2 * kills} kills survived`)
process.exit(0)
