// How long until a process answers after a restart: from its snapshot, and from its log alone?
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { heading, line, ms, quantile, times } from './support/report.mjs'
import { benchProgram, runJson } from './support/programs.mjs'
import { dryRun, outputOf, tag } from '../test/wire/support/aos.mjs'
import { getJson, program, startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'

const messages = Number(process.env.MESSAGES ?? 3000)
const runs = { kill: 5, stop: messages > 10000 ? 1 : 5 }
heading(`Restart: first answer of an aos process that has evaluated ${messages} messages (dry run; median of ${runs.kill})`)

const data = temporaryFolder()
const wallet = join(temporaryFolder(), 'wallet.json')
execFileSync(program, ['wallet', 'new', '--kind', 'ed25519', '--out', wallet], { stdio: 'ignore' })
const start = () => startNetwork({ data, args: ['--wallet', wallet] })
let net = await start()

const { hostname, port } = new URL(net.su)
const { process: target } = runJson(benchProgram('schedule'), [hostname, port, net.scheduler, net.module64, 1, messages, 16])
const { owner: { address: owner } } = await getJson(`${net.su}/processes/${target}`)

// What the process has counted, asked for again when patience was lost.
async function ask() {
  for (;;) {
    const answer = await dryRun(net, target, { Owner: owner, Data: 'return Count', Tags: [tag('Action', 'Eval')] })
      .catch(({ name }) => { if (name !== 'TimeoutError') throw new Error(name) })
    if (answer?.json.Error) throw new Error(JSON.stringify(answer.json.Error))
    if (answer) return outputOf(answer.json)
  }
}
await ask()

async function firstAnswer(end) {
  await net[end]()
  if (end === 'stop') for (const suffix of ['', '-wal', '-shm']) rmSync(join(data, `snapshots.db${suffix}`), { force: true })
  net = await start()
  const began = performance.now()
  const answer = await ask()
  const took = performance.now() - began
  if (answer !== String(messages)) throw new Error(`the process has counted ${answer}`)
  return took
}

const median = async (end) => {
  const taken = []
  for (let i = 0; i < runs[end]; i++) taken.push(await firstAnswer(end))
  return quantile(taken, 0.5)
}
const snapshot = await median('kill')
const log = await median('stop')
line('from its snapshot, after SIGKILL', ms(snapshot), `${times(log, snapshot)} as fast; the goal is 100 ms`)
line('from its log alone', ms(log))
await net.stop()
