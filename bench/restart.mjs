// How long until a process answers after a restart: from its snapshot, and from its log alone?
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { heading, line, ms, quantile, times } from './support/report.mjs'
import { messageTags, peek, printed, spawnProcess, tag, testWallet } from '../test/wire/support/aos.mjs'
import { addressOf, signItem } from '../test/wire/support/items.mjs'
import { postItem, startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'

const messages = Number(process.env.MESSAGES ?? 3000)
const runs = 5
heading(`Restart: first answer of an aos process that has evaluated ${messages} messages (dry run; median of ${runs})`)

const data = temporaryFolder()
const owner = addressOf(testWallet)
let net = await startNetwork({ data })
const target = await spawnProcess(net)
let left = messages - 1
const client = async () => {
  while (left-- > 0) {
    const { raw } = await signItem({ target, tags: messageTags(tag('Action', 'Eval')), data: 'Count = (Count or 0) + 1' })
    const { status, text } = await postItem(net.mu, raw)
    if (status !== 202) throw new Error(text)
  }
}
await Promise.all(Array.from({ length: 16 }, client))
await printed(net, target, 'return Count')

async function firstAnswer(end) {
  await net[end]()
  if (end === 'stop') for (const suffix of ['', '-wal', '-shm']) rmSync(join(data, `snapshots.db${suffix}`), { force: true })
  net = await startNetwork({ data })
  const began = performance.now()
  const count = await peek(net, target, 'return Count', owner)
  const took = performance.now() - began
  if (!count.startsWith(String(messages - 1))) throw new Error(`the process counted ${count}`)
  return took
}

const median = async (end) => {
  const taken = []
  for (let i = 0; i < runs; i++) taken.push(await firstAnswer(end))
  return quantile(taken, 0.5)
}
const snapshot = await median('kill')
const log = await median('stop')
line('from its snapshot, after SIGKILL', ms(snapshot), `${times(log, snapshot)} as fast; the goal is 100 ms`)
line('from its log alone', ms(log))
await net.stop()
