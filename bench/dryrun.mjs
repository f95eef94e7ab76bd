// How many dry runs a second does one aos process answer, alone and while it evaluates messages? And
// how much do they slow the messages down?
import { heading, line, ms, perSecond, quantile, times } from './support/report.mjs'
import { measureLoader } from './support/loader.mjs'
import { processorTimeOf } from './support/processor.mjs'
import { dryRun, messageTags, printed, resultOf, spawnProcess, tag, testWallet } from '../test/wire/support/aos.mjs'
import { addressOf, signItem } from '../test/wire/support/items.mjs'
import { postItem, startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'

const messages = 400
const seconds = 4
const clients = 16
heading(`Dry runs of one aos process: ${clients} clients for ${seconds} s; beside them up to ${messages} signed messages`)

const net = await startNetwork({ data: temporaryFolder() })
const owner = addressOf(testWallet)
const target = await spawnProcess(net)
await printed(net, target, 'Count = 0')

const signMessages = (count) => Promise.all(Array.from({ length: count }, () =>
  signItem({ target, tags: messageTags(tag('Action', 'Eval')), data: 'Count = Count + 1' })))

async function askOnce() {
  const { json } = await dryRun(net, target, { Owner: owner, Data: 'return Count', Tags: [tag('Action', 'Eval')] })
  if (json.Error || !/^\d+$/.test(json.Output.data)) throw new Error(JSON.stringify(json))
}

// Do `each` over and over, `count` at a time, while `goesOn`; answers how often, and how often a second.
async function repeat(count, each, goesOn) {
  let done = 0
  const began = performance.now()
  const client = async () => {
    while (goesOn()) {
      await each()
      done++
    }
  }
  await Promise.all(Array.from({ length: count }, client))
  return { done, rate: (done * 1000) / (performance.now() - began) }
}

const forSeconds = () => {
  const end = performance.now() + seconds * 1000
  return () => performance.now() < end
}

const post = (queue) => async () => {
  const { id, raw } = queue.pop()
  const { status, text } = await postItem(net.mu, raw)
  if (status !== 202) throw new Error(text)
  await resultOf(net, target, id)
}

const before = processorTimeOf(net.pid)
const alone = await repeat(clients, askOnce, forSeconds())
const spent_ms = (1000 * (processorTimeOf(net.pid) - before)) / alone.done
const queues = [await signMessages(messages), await signMessages(messages)]
const { rate: undisturbed } = await repeat(2, post(queues[0]), () => queues[0].length > 0)
const goesOn = forSeconds()
const [{ rate: busy }, { rate: disturbed }] = await Promise.all([
  repeat(clients, askOnce, goesOn),
  repeat(2, post(queues[1]), () => goesOn() && queues[1].length > 0)])
await net.stop()

const loader = 1000 / quantile(measureLoader(1, 50).evaluations_ms, 0.5)
line('dry runs, the process at rest', perSecond(alone.rate), `${times(alone.rate, loader)} the loader's evaluations`)
line('… processor time of the network for each', ms(spent_ms), `the loader takes ${ms(1000 / loader)}`)
line('dry runs, while it evaluates messages', perSecond(busy), `${times(busy, loader)} the loader's evaluations`)
line('messages, posted by 2 clients, beside them', perSecond(disturbed), `without dry runs ${perSecond(undisturbed)}`)
line('ao-loader: evaluations alone, one core', perSecond(loader))
