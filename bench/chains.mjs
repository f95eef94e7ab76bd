// How many messages a second travel from process to process: evaluated, signed by the messenger,
// ordered, evaluated again? Rings of aos processes pass tokens on; the messenger's metrics count. The
// shares tell where the processor time went: to which programs when each unit is one, with the
// workers that evaluate for the compute unit; to which threads in `aod dev`, where neighbours are
// called and the signatures of what a messenger posts are verified on its own threads.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { processorTimeOf, threadsOf } from './support/processor.mjs'
import { heading, line, perSecond } from './support/report.mjs'
import { eventually, program, request, startApart, startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'
import { printed, resultOf, sendMessage, spawnProcess, tag } from '../test/wire/support/aos.mjs'

const hops = 100
heading(`Chains: tokens that make ${hops} hops through a ring of aos processes, Ed25519 keys, on disk`)

const stages = [['messenger', /^mu/], ['scheduler', /^su(?!-publish)/], ['compute unit', /^cu/], ['publishing', /^(ar|su-publish)/], ['HTTP', /^MHD/]]

// Processor time by stage so far, in seconds.
function spentInOne({ pid }) {
  const spent = Object.fromEntries([...stages.map(([name]) => [name, 0]), ['workers', 0], ['other', 0]])
  for (const [name, seconds] of threadsOf(pid)) {
    const [stage] = stages.find(([, pattern]) => pattern.test(name)) ?? ['other']
    spent[stage] += seconds
  }
  spent.workers = processorTimeOf(pid) - Object.values(spent).reduce((sum, seconds) => sum + seconds)
  return spent
}

function spentApart({ units }) {
  const names = { messenger: 'mu', scheduler: 'su', 'compute unit with workers': 'cu', gateway: 'ar' }
  return Object.fromEntries(Object.entries(names).map(([name, unit]) => [name, processorTimeOf(units[unit].run.child.pid)]))
}

const ways = [
  { name: 'aod dev', start: (args) => startNetwork({ data: temporaryFolder(), args }), spent: spentInOne },
  { name: 'units apart', start: (args) => startApart({ args }), spent: spentApart },
]

async function measure({ start, spent }, processCount, tokens) {
  const key = join(temporaryFolder(), 'key.json')
  execFileSync(program, ['wallet', 'new', '--kind', 'ed25519', '--out', key], { stdio: 'ignore' })
  const net = await start(['--metrics', '--wallet', key])
  const pushed = async () => Number(/^ao_mu_pushed_total (\d+)$/m.exec((await request(`${net.mu}/metrics`)).text)[1])
  const ring = []
  for (let i = 0; i < processCount; i++) ring.push(await spawnProcess(net))
  for (let i = 0; i < processCount; i++) {
    await printed(net, ring[i], `Handlers.add('hop', 'Hop', function (msg)
      local left = tonumber(msg.Left)
      if left > 0 then Send({ Target = '${ring[(i + 1) % processCount]}', Action = 'Hop', Left = tostring(left - 1) }) end
    end)`)
  }
  const before = spent(net), began = performance.now()
  const ids = await Promise.all(Array.from({ length: tokens }, (_, i) =>
    sendMessage(net, ring[i % processCount], { tags: [tag('Action', 'Hop'), tag('Left', String(hops))] })))
  await Promise.all(ids.map((id, i) => resultOf(net, ring[i % processCount], id)))
  await eventually('all hops are made', async () => (await pushed()) >= tokens * hops, { within_ms: 300_000 })
  const rate = tokens * hops / ((performance.now() - began) / 1000)
  const shares = Object.entries(spent(net)).map(([name, seconds]) => [name, seconds - before[name]])
  await net.stop()
  const total = shares.reduce((sum, [, seconds]) => sum + seconds, 0)
  return {
    rate,
    cost: `${(total * 1000 / (tokens * hops)).toFixed(1)} ms a message:`,
    shares: shares.filter(([, seconds]) => seconds > 0).map(([name, seconds]) => `${name} ${Math.round(100 * seconds / total)} %`).join(', '),
  }
}

for (const way of ways) {
  for (const [processes, tokens] of [[2, 1], [10, 30]]) {
    const { rate, cost, shares } = await measure(way, processes, tokens)
    line(`${way.name}: ${tokens} token${tokens > 1 ? 's' : ''}, ${processes} processes`, perSecond(rate), `${cost} ${shares}`)
  }
}
