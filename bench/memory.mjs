// How much memory does a network take, idle and with twenty aos processes that have each evaluated
// twenty messages? And the reference loader with the same processes?
import { heading, line, mib, times } from './support/report.mjs'
import { measureLoader } from './support/loader.mjs'
import { memoryOf } from './support/report.mjs'
import { printed, spawnProcess } from '../test/wire/support/aos.mjs'
import { startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'

const messages = 20
heading(`Memory: idle, and with processes that have evaluated ${messages} messages each (resident; fair share)`)

const net = await startNetwork({ data: temporaryFolder() })
const show = (what, { rss, pss }, note) => line(what, mib(rss), `${mib(pss)}${note ? `, ${note}` : ''}`)
const idle = memoryOf(net.pid)
show('aod: idle', idle)

const measured = {}
let count = 0
for (const processes of [1, 20]) {
  for (; count < processes; count++) {
    const process = await spawnProcess(net)
    for (let i = 0; i < messages; i++) await printed(net, process, 'Count = (Count or 0) + 1; return Count')
  }
  measured[processes] = memoryOf(net.pid)
  show(`aod: ${processes} process${processes > 1 ? 'es' : ''}`, measured[processes],
    `${mib((measured[processes].pss - idle.pss) / processes)} a process`)
}
await net.stop()

for (const processes of [1, 20]) {
  const { loaded } = measureLoader(processes, messages)
  show(`ao-loader: ${processes} process${processes > 1 ? 'es' : ''}`, loaded, `${times(loaded.pss, measured[processes].pss)} as much`)
}
