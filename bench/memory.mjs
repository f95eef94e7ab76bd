// How much memory does a network take, idle and with up to sixty aos processes that have each evaluated
// twenty messages? With hardly any memory? And the reference loader with the same processes?
import { heading, line, mib, times } from './support/report.mjs'
import { measureLoader } from './support/loader.mjs'
import { memoryOf } from './support/report.mjs'
import { printed, spawnProcess } from '../test/wire/support/aos.mjs'
import { startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'

const messages = 20
heading(`Memory: idle, and with processes that have evaluated ${messages} messages each (resident; fair share)`)

const show = (what, { rss, pss }, note) => line(what, mib(rss), `${mib(pss)}${note ? `, ${note}` : ''}`)
const measured = {}

async function measureNetwork(name, args) {
  const net = await startNetwork({ data: temporaryFolder(), args })
  let count = 0
  let before = memoryOf(net.pid)
  show(`${name}: idle`, before)
  for (const processes of [1, 20, 60]) {
    const more = processes - count
    for (; count < processes; count++) {
      const process = await spawnProcess(net)
      for (let i = 0; i < messages; i++) await printed(net, process, 'Count = (Count or 0) + 1; return Count')
    }
    const now = memoryOf(net.pid)
    show(`${name}: ${processes} process${processes > 1 ? 'es' : ''}`, now, `${mib((now.pss - before.pss) / more)} for each that came`)
    measured[processes] ??= now
    before = now
  }
  await net.stop()
}

await measureNetwork('aod', [])
await measureNetwork('aod --memory 30M', ['--memory', '30M']) // most are cold

for (const processes of [1, 20]) {
  const { loaded } = measureLoader(processes, messages)
  show(`ao-loader: ${processes} process${processes > 1 ? 'es' : ''}`, loaded, `${times(loaded.pss, measured[processes].pss)} as much`)
}
