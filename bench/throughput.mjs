// How many aos messages a second go through a network, into one process and into twenty? Signed
// beforehand, posted by 16 clients; the clock stops when the last result has been read.
import { heading, line, perSecond, quantile, times } from './support/report.mjs'
import { measureLoader } from './support/loader.mjs'
import { messageTags, resultOf, spawnProcess, tag } from '../test/wire/support/aos.mjs'
import { postItem, startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'
import { signItem } from '../test/wire/support/items.mjs'

const messages = 600
const clients = 16
heading(`Throughput: ${messages} aos Evals posted by ${clients} clients, on disk, until the last result`)

async function measure(processCount) {
  const net = await startNetwork({ data: temporaryFolder() })
  const processes = []
  for (let i = 0; i < processCount; i++) {
    processes.push(await spawnProcess(net))
    await resultOf(net, processes[i], processes[i])
  }
  const queue = []
  for (let i = 0; i < messages; i++) {
    const target = processes[i % processCount]
    queue.push({ target, ...(await signItem({ target, tags: messageTags(tag('Action', 'Eval')), data: 'Count = (Count or 0) + 1' })) })
  }
  const began = performance.now()
  const client = async () => {
    for (let item; (item = queue.pop());) {
      const { status, text } = await postItem(net.mu, item.raw)
      if (status !== 202) throw new Error(text)
      const { Error: error } = await resultOf(net, item.target, item.id)
      if (error) throw new Error(error)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const rate = messages / ((performance.now() - began) / 1000)
  await net.stop()
  return rate
}

const loader = 1000 / quantile(measureLoader(1, 50).evaluations_ms, 0.5)
for (const processCount of [1, 20]) {
  const rate = await measure(processCount)
  line(`aod: into ${processCount} process${processCount > 1 ? 'es' : ''}`, perSecond(rate), `${times(rate, loader)} the loader's evaluations`)
}
line('ao-loader: evaluations alone, one core', perSecond(loader))
