// How many messages a second does the scheduler order, on disk before it answers, the signatures of
// the clients' items verified? A scheduler as an operator runs it, `aod su`; and once `aod dev`, where
// the gateway is the same program. The gateway at which `aod su` publishes would be another machine:
// here it gets the processor time that is left, in the scheduling class for that (it signs a receipt
// for each record, as bundlers do, which with an RSA key takes longer than all else; with `nice 19`
// the scheduler often waits for it). Clients are bench/schedule.c, which signs beforehand and shares
// the cores. Compared with what OpenSSL signs and verifies on the same cores in the same run. At half
// of the rate: latencies.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { processorTimeOf } from './support/processor.mjs'
import { heading, line, ms, perSecond, times } from './support/report.mjs'
import { program, root, startNetwork, startProgram, temporaryFolder } from '../test/wire/support/network.mjs'

const build = process.env.AOD_BUILD ?? join(root, 'build')
const connections = 64
execFileSync('cmake', ['--build', build, '--target', 'bench_schedule'], { stdio: 'ignore' })

// { sign, verify } a second, on all cores.
function openssl(algorithm) {
  const out = execFileSync('openssl', ['speed', '-seconds', '2', '-multi', String(cpus().length), algorithm], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [sign, verify] = out.toString().trim().split('\n').at(-1).trim().split(/\s+/).slice(-2).map(Number)
  return { sign, verify }
}

// A scheduler with this wallet: its URL, address, process id, a module's id, and how to end it.
async function startDev(wallet) {
  const net = await startNetwork({ data: temporaryFolder(), args: ['--wallet', wallet] })
  return { url: net.su, scheduler: net.scheduler, module: net.module64, pid: net.pid, end: net.kill }
}

async function startAlone(wallet) {
  const ar = await startProgram('serve', ['--data', temporaryFolder(), '--units', 'ar', '--ar-port', '0', '--bundler-port', '0'],
    { via: ['chrt', '--idle', '0'] })
  const su = await startProgram('su', ['--data', temporaryFolder(), '--port', '0', '--gateway-url', ar.info.ar,
    '--upload', ar.info.bundler, '--wallet', wallet])
  const end = async () => {
    for (const unit of [su, ar]) {
      unit.run.signal('SIGKILL')
      await unit.run.ended
    }
  }
  return { url: su.info.su, scheduler: su.info.scheduler, module: ar.info.modules.aos2_0_6, pid: su.run.child.pid, end }
}

async function measure(start, kind, processes, messages) {
  const folder = mkdtempSync(join(tmpdir(), 'aod-bench-'))
  const wallet = join(folder, 'wallet.json')
  execFileSync(program, ['wallet', 'new', '--kind', kind, '--out', wallet], { stdio: 'ignore' })
  const { url, scheduler, module, pid, end } = await start(wallet)
  const { hostname, port } = new URL(url)
  const run = (rate, count) => JSON.parse(execFileSync(join(build, 'bench_schedule'),
    [hostname, port, scheduler, module, processes, count, connections, ...(rate ? [rate] : [])].map(String)))
  const before = processorTimeOf(pid)
  const full = run(0, messages)
  const cpu_us = (processorTimeOf(pid) - before) * 1e6 / messages
  const half = run(full.rate / 2, Math.ceil(messages / 2))
  await end()
  rmSync(folder, { recursive: true })
  return { ...full, cpu_us, half }
}

heading(`Scheduling: messages ordered a second, acknowledged when on disk, ${connections} connections; load ${loadavg()[0].toFixed(1)}`)
const speed = { ed25519: openssl('ed25519'), rsa: openssl('rsa4096') }
line('openssl speed: Ed25519 verifications, all cores', perSecond(speed.ed25519.verify))
line('openssl speed: RSA-4096 signatures, all cores', perSecond(speed.rsa.sign))
const rows = [
  { start: startAlone, kind: 'ed25519', processes: 100, messages: 40000, goal: 10000 },
  { start: startAlone, kind: 'secp256k1', processes: 100, messages: 40000, goal: 10000 },
  { start: startAlone, kind: 'ed25519', processes: 1, messages: 20000, goal: 3000 },
  { start: startAlone, kind: 'rsa', processes: 100, messages: 2500, goal: 0.9 * speed.rsa.sign },
  { start: startDev, kind: 'ed25519', processes: 100, messages: 40000 },
]
for (const { start, kind, processes, messages, goal } of rows) {
  const { rate, cpu_us, own_us, half } = await measure(start, kind, processes, messages)
  const against = kind === 'rsa' ? `${(rate / speed.rsa.sign).toFixed(2)} of what openssl signs` : `${times(rate, speed.ed25519.verify)} what openssl verifies`
  line(`aod ${start === startDev ? 'dev' : 'su'}: ${kind} key, ${processes} process${processes > 1 ? 'es' : ''}`, perSecond(rate),
    `${goal ? `${times(rate, goal)} the goal of ${goal.toFixed(0)}; ` : ''}${against}`)
  line('    processor time a message', `${cpu_us.toFixed(0)} us`, `and ${own_us.toFixed(0)} us of the clients`)
  line('    99th percentile at half that load', ms(half.p99_ms), `median ${ms(half.p50_ms)}`)
}
