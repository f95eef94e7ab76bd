// How much memory does a network take, idle and with up to sixty aos processes that have each
// evaluated twenty messages? With hardly any memory? And the reference loader with the same processes?
// PROCESSES and MESSAGES: other numbers; MEMORY: with this budget only.
import { readdirSync } from 'node:fs'
import { heading, line, memoryOf, mib, times } from './support/report.mjs'
import { measureLoader } from './support/loader.mjs'
import { printed, spawnProcess } from '../test/wire/support/aos.mjs'
import { startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'

const messages = Number(process.env.MESSAGES ?? 20)
const most = Number(process.env.PROCESSES ?? 60)
const only = process.env.MEMORY
const clients = 8
heading(`Memory: idle, and with processes that have evaluated ${messages} messages each (resident; fair share)`)

const show = (what, { rss, pss }, note) => line(what, mib(rss), `${mib(pss)}${note ? `, ${note}` : ''}`)
const measured = {}

async function fillProcess(net) {
  const process = await spawnProcess(net)
  for (let i = 0; i < messages; i++) await printed(net, process, 'Count = (Count or 0) + 1; return Count')
}

async function fillProcesses(net, count) {
  const client = async () => {
    while (count-- > 0) await fillProcess(net)
  }
  await Promise.all(Array.from({ length: clients }, client))
}

async function measureNetwork(budget) {
  const args = budget ? ['--memory', budget] : []
  const name = ['aod', ...args].join(' ')
  const net = await startNetwork({ data: temporaryFolder(), args })
  let count = 0
  let before = memoryOf(net.pid)
  show(`${name}: idle`, before)
  for (const processes of [1, 20, most]) {
    const more = processes - count
    await fillProcesses(net, more)
    count = processes
    const now = memoryOf(net.pid)
    show(`${name}: ${processes} process${processes > 1 ? 'es' : ''}`, now, `${mib((now.pss - before.pss) / more)} for each that came`)
    measured[processes] ??= now
    before = now
  }
  line(`${name}: open files of the node`, String(readdirSync(`/proc/${net.pid}/fd`).length))
  await net.stop()
}

if (!only) await measureNetwork()
await measureNetwork(only ?? '30M') // most are cold

for (const processes of only ? [] : [1, 20]) {
  const { loaded } = measureLoader(processes, messages)
  show(`ao-loader: ${processes} process${processes > 1 ? 'es' : ''}`, loaded, `${times(loaded.pss, measured[processes].pss)} as much`)
}
