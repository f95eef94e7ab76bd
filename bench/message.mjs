// How long does one aos message take, from HTTP in to result out? And how long the evaluation alone
// in the reference loader, which has no network, no signatures and no disk?
import { heading, line, ms, quantile, times } from './support/report.mjs'
import { measureLoader } from './support/loader.mjs'
import { messageTags, resultOf, spawnProcess, tag } from '../test/wire/support/aos.mjs'
import { startNetwork, postItem, temporaryFolder } from '../test/wire/support/network.mjs'
import { signItem } from '../test/wire/support/items.mjs'

const messages = 200
heading(`Latency: one aos Eval, POST to the MU until its result is read (${messages} in a row, on disk)`)

const net = await startNetwork({ data: temporaryFolder() })
const process = await spawnProcess(net)
await resultOf(net, process, process)
const tags = messageTags(tag('Action', 'Eval'))
const accepted_ms = []
const total_ms = []
for (let i = 0; i < messages; i++) {
  const { id, raw } = await signItem({ target: process, tags, data: 'Count = (Count or 0) + 1; return Count' })
  const began = performance.now()
  const { status, text } = await postItem(net.mu, raw)
  accepted_ms.push(performance.now() - began)
  if (status !== 202) throw new Error(text)
  const { Output } = await resultOf(net, process, id)
  total_ms.push(performance.now() - began)
  if (Output.data !== String(i + 1)) throw new Error(`message ${i} answered ${Output.data}`)
}
await net.stop()

const loader = measureLoader(1, 50)
const [ours, theirs] = [total_ms, loader.evaluations_ms].map((values) => quantile(values, 0.5))
line('aod: acknowledged, on disk', ms(quantile(accepted_ms, 0.5)), `99 % within ${ms(quantile(accepted_ms, 0.99))}`)
line('aod: result read', ms(ours), `99 % within ${ms(quantile(total_ms, 0.99))}`)
line('ao-loader: evaluation alone', ms(theirs), `99 % within ${ms(quantile(loader.evaluations_ms, 0.99))}`)
line('ratio, their evaluation to our whole way', times(theirs, ours))
