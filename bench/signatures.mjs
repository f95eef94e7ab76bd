// What does an item cost beyond its RSA operation? The whole way of an item against the bare
// operation of `openssl speed`, on one core and on all, in turns.
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { benchProgram, runJson } from './support/programs.mjs'
import { heading, line, perSecond } from './support/report.mjs'
import { root } from '../test/wire/support/network.mjs'

const rounds = 3, seconds = 2
heading(`Signatures: RSA-4096, items of 1 KiB, the best of ${rounds} rounds of ${seconds} s of processor time`)

// "rsa 4096 bits 0.0034s 0.00005s 290.1 18750.0"
function openssl() {
  const out = execFileSync('openssl', ['speed', '-seconds', String(seconds), 'rsa4096'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [, sign, verify] = /rsa +4096 bits +[\d.]+s +[\d.]+s +([\d.]+) +([\d.]+)/.exec(out.toString())
  return { sign: Number(sign), verify: Number(verify) }
}

const wallet = join(root, 'src/node/keys/account0.jwk.json')
const bare = { sign: 0, verify: 0 }
const best = new Map() // threads -> { verify: { processor, clock }, sign: … }
for (let round = 0; round < rounds; round++) {
  const speed = openssl()
  for (const what of ['verify', 'sign']) bare[what] = Math.max(bare[what], speed[what])
  for (const { threads, ...rates } of runJson(benchProgram('signatures'), [wallet, seconds])) {
    const kept = best.get(threads) ?? best.set(threads, { verify: { processor: 0, clock: 0 }, sign: { processor: 0, clock: 0 } }).get(threads)
    for (const what of ['verify', 'sign']) {
      for (const by of ['processor', 'clock']) kept[what][by] = Math.max(kept[what][by], rates[what][by])
    }
  }
}
const cores = availableParallelism()
for (const [what, goal] of [['verify', 90], ['sign', 97]]) {
  const share = (threads) => `${(100 * best.get(threads)[what].processor / bare[what] / threads).toFixed(1)} %`
  line(`${what}, bare RSA by openssl speed`, perSecond(bare[what]))
  line(`${what}, whole items on one core`, perSecond(best.get(1)[what].processor), `${share(1)} of it, the goal is ${goal} %`)
  if (cores === 1) continue
  const scaled = best.get(cores)[what].clock / best.get(1)[what].clock
  line(`${what}, whole items on ${cores} cores`, perSecond(best.get(cores)[what].processor),
    `${share(cores)} of it on each; by the clock ${scaled.toFixed(2)} times one core (less when others work here)`)
}
