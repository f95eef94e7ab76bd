// Processes with very much memory: they fill it, leave memory for a snapshot, come back, survive a restart, and
// find every byte where it was.
//
// As part of the suite they spread a little over many addresses. With AOD_GIANT=1 they fill what there is: 6 GiB
// with 64 bits, and all that 32 bits have, which takes 16 GiB of memory, 30 GiB of disk and some minutes.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { resultOf, sendMessage, spawnProcess, uploadModule } from './support/aos.mjs'
import { eventually, startNetwork, temporaryFolder } from './support/network.mjs'
import { actor, answer, formatOf } from './support/wat.mjs'

const MiB = 1 << 20
const PAGE = 65536
const giant = process.env.AOD_GIANT !== undefined
const minutes = giant ? 30 : 2

// ---- the module ----

// Each word of a region holds a number made of its address: (P.mul p odd). `filled` counts regions, in memory as well.
const pattern = '(i64.mul (i64.add ADDRESS (i64.const 12345)) (i64.const 0x9e3779b97f4a7c15))'
const each = ([from, to], what) => `(local.set $p (P.const ${from}))
  (loop $next ${what} (br_if $next (P.ne (local.tee $p (P.add (local.get $p) (P.const 8))) (P.const ${to}))))`

function makeActor({ wide, pages, regions }) {
  const number = pattern.replace('ADDRESS', wide ? '(local.get $p)' : '(i64.extend_i32_u (local.get $p))')
  const check = (region, i) => `(if (i32.gt_u (i32.load (P.const 2048)) (i32.const ${i})) (then
    ${each(region, `(if (i64.ne (i64.load (local.get $p)) ${number}) (then (unreachable)))`)}))`
  const grow = `(drop (memory.grow (P.sub (P.const ${pages}) (memory.size))))
    (if (P.ne (memory.size) (P.const ${pages})) (then (unreachable)))
    (if (P.ne (memory.grow (P.const 1)) (P.const -1)) (then (unreachable)))`
  const fill = (region, i) => `${each(region, `(i64.store (local.get $p) ${number})`)} (i32.store (P.const 2048) (i32.const ${i + 1}))`
  const actions = { grow, check: regions.map(check).join('\n') }
  regions.forEach((region, i) => { actions[`fill ${i}`] = fill(region, i) })
  return actor({ memory: `2 ${pages}`, actions, wide })
}

// Regions of `bytes` at every `stride` from 1 MiB up to the end.
function regionsUpTo(end, stride, bytes) {
  const regions = []
  for (let from = MiB; from < end; from += stride) regions.push([from, Math.min(from + bytes, end)])
  return regions
}

const cases = {
  '6 GiB with 64 bits': { wide: true, pages: 6 * 1024 * 16 + 16, stride: 512 * MiB, bytes: giant ? 512 * MiB : 5 * MiB },
  '4 GiB less a page with 32 bits': { wide: false, pages: 65535, stride: 512 * MiB, bytes: giant ? 512 * MiB : 5 * MiB },
}

// ---- the network ----

// What of files in memory, which hold the processes' images, the node has mapped and touched.
const imageBytes = (net) => 1024 * Number(/RssShmem:\s+(\d+)/.exec(readFileSync(`/proc/${net.run.child.pid}/status`, 'utf8'))[1])

for (const [name, { wide, pages, stride, bytes }] of Object.entries(cases)) {
  test(name, { timeout: minutes * 60_000 }, async (t) => {
    const regions = regionsUpTo(pages * PAGE, stride, bytes)
    const total = regions.reduce((sum, [from, to]) => sum + to - from, 0)
    const { wasm, wordFor } = makeActor({ wide, pages, regions })
    const data = temporaryFolder()
    const args = ['--memory', '1M', '--process-memory', String(pages * PAGE)] // whoever is not asked for leaves memory
    let net = await startNetwork({ data, args })
    try {
      const began = Date.now()
      const tell = (what) => t.diagnostic(`${((Date.now() - began) / 1000).toFixed(1)} s: ${what}`)
      const module = await uploadModule(net, formatOf(wide), wasm)
      const [large, other] = [await spawnProcess(net, { module }), await spawnProcess(net, { module })]
      const say = async (process, action) => {
        const { Output, Error } = await resultOf(net, process, await sendMessage(net, process, { data: wordFor(action) }))
        assert.equal(Error, undefined, `${action}: ${Error}`)
        assert.equal(Output, answer)
      }

      await say(large, 'grow')
      for (const i of regions.keys()) await say(large, `fill ${i}`)
      tell(`filled ${Math.round(total / MiB)} MiB`)
      await say(large, 'check')
      tell('checked')
      assert.ok(imageBytes(net) >= total, `the image is ${imageBytes(net)} bytes`)

      await say(other, 'check')
      await eventually('the large process has left memory', () => imageBytes(net) < total / 2, { within_ms: minutes * 60_000 })
      tell('left memory')
      await say(large, 'check')
      tell('came back and was checked')

      await net.stop()
      tell('stopped')
      net = await startNetwork({ data, args })
      tell('started again')
      await say(large, 'check')
      tell('went on and was checked')
    } finally {
      await net.stop()
    }
  })
}
