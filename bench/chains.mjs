// How many messages a second travel from process to process: evaluated, signed by the messenger,
// ordered, evaluated again? Rings of aos processes pass tokens on; the messenger's metrics count. The
// shares tell which threads of the node the processor time went to.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { heading, line, perSecond } from './support/report.mjs'
import { eventually, program, request, startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'
import { printed, resultOf, sendMessage, spawnProcess, tag } from '../test/wire/support/aos.mjs'

const hops = 100
heading(`Chains: tokens that make ${hops} hops through a ring of aos processes, Ed25519 keys, on disk`)

const stages = [['messenger', /^mu/], ['scheduler', /^su(?!-publish)/], ['compute unit', /^cu/], ['publishing', /^(ar|su-publish)/], ['HTTP', /^MHD/]]

// Processor time by stage so far, in clock ticks.
function ticksOf(pid) {
  const ticks = Object.fromEntries([...stages.map(([name]) => [name, 0]), ['other', 0]])
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [, name, rest] = /^\d+ \((.*)\) (.*)$/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').trim())
    const fields = rest.split(' ')
    const [stage] = stages.find(([, pattern]) => pattern.test(name)) ?? ['other']
    ticks[stage] += Number(fields[11]) + Number(fields[12])
  }
  return ticks
}

async function measure(processCount, tokens) {
  const key = join(temporaryFolder(), 'key.json')
  execFileSync(program, ['wallet', 'new', '--kind', 'ed25519', '--out', key], { stdio: 'ignore' })
  const net = await startNetwork({ data: temporaryFolder(), args: ['--metrics', '--wallet', key] })
  const pushed = async () => Number(/^ao_mu_pushed_total (\d+)$/m.exec((await request(`${net.mu}/metrics`)).text)[1])
  const ring = []
  for (let i = 0; i < processCount; i++) ring.push(await spawnProcess(net))
  for (let i = 0; i < processCount; i++) {
    await printed(net, ring[i], `Handlers.add('hop', 'Hop', function (msg)
      local left = tonumber(msg.Left)
      if left > 0 then Send({ Target = '${ring[(i + 1) % processCount]}', Action = 'Hop', Left = tostring(left - 1) }) end
    end)`)
  }
  const ticks = ticksOf(net.pid), began = performance.now()
  const ids = await Promise.all(Array.from({ length: tokens }, (_, i) =>
    sendMessage(net, ring[i % processCount], { tags: [tag('Action', 'Hop'), tag('Left', String(hops))] })))
  await Promise.all(ids.map((id, i) => resultOf(net, ring[i % processCount], id)))
  await eventually('all hops are made', async () => (await pushed()) >= tokens * hops, { within_ms: 300_000 })
  const rate = tokens * hops / ((performance.now() - began) / 1000)
  const after = ticksOf(net.pid)
  await net.kill()
  const spent = Object.entries(after).map(([name, count]) => [name, count - ticks[name]])
  const total = spent.reduce((sum, [, count]) => sum + count, 0)
  return { rate, shares: spent.filter(([, count]) => count > 0).map(([name, count]) => `${name} ${Math.round(100 * count / total)} %`).join(', ') }
}

for (const [processes, tokens] of [[2, 1], [10, 30]]) {
  const { rate, shares } = await measure(processes, tokens)
  line(`aod: ${tokens} token${tokens > 1 ? 's' : ''}, ${processes} processes`, perSecond(rate), shares)
}
