// How many messages a second does the scheduler order, on disk before it answers, the signatures of
// the clients' items verified? Clients are bench/schedule.c, which signs beforehand. Compared with
// what OpenSSL signs and verifies on the same cores in the same run. At half of the rate: latencies.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { heading, line, ms, perSecond, times } from './support/report.mjs'
import { program, root, startNetwork, temporaryFolder } from '../test/wire/support/network.mjs'

const build = process.env.AOD_BUILD ?? join(root, 'build')
const connections = 64
execFileSync('cmake', ['--build', build, '--target', 'bench_schedule'], { stdio: 'ignore' })

// { sign, verify } a second, on all cores.
function openssl(algorithm) {
  const out = execFileSync('openssl', ['speed', '-seconds', '1', '-multi', String(cpus().length), algorithm], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [sign, verify] = out.toString().trim().split('\n').at(-1).trim().split(/\s+/).slice(-2).map(Number)
  return { sign, verify }
}

// Processor time of the node by its threads' names, in microseconds.
function cpuOf(pid) {
  let ticks = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const fields = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').split(') ')[1].split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks * 10_000
}

async function measure(kind, processes, messages) {
  const folder = mkdtempSync(join(tmpdir(), 'aod-bench-'))
  const wallet = join(folder, 'wallet.json')
  execFileSync(program, ['wallet', 'new', '--kind', kind, '--out', wallet], { stdio: 'ignore' })
  const net = await startNetwork({ data: temporaryFolder(), args: ['--wallet', wallet] })
  const { hostname, port } = new URL(net.su)
  const run = (rate, count) => JSON.parse(execFileSync(join(build, 'bench_schedule'),
    [hostname, port, net.scheduler, net.module64, processes, count, connections, ...(rate ? [rate] : [])].map(String)))
  const before = cpuOf(net.pid)
  const full = run(0, messages)
  const cpu_us = (cpuOf(net.pid) - before) / messages
  const half = run(full.rate / 2, Math.ceil(messages / 2))
  await net.kill()
  rmSync(folder, { recursive: true })
  return { ...full, cpu_us, half }
}

heading(`Scheduling: messages ordered a second, acknowledged when on disk, ${connections} connections`)
const speed = { ed25519: openssl('ed25519'), rsa: openssl('rsa4096') }
line('openssl speed: Ed25519 verifications, all cores', perSecond(speed.ed25519.verify))
line('openssl speed: RSA-4096 signatures, all cores', perSecond(speed.rsa.sign))
for (const [kind, processes, messages] of [['ed25519', 100, 20000], ['ed25519', 1, 10000], ['secp256k1', 100, 10000], ['rsa', 100, 1500]]) {
  const { rate, cpu_us, half } = await measure(kind, processes, messages)
  const against = kind === 'rsa'
    ? `${times(rate, speed.rsa.sign)} what openssl signs`
    : `${times(rate, speed.ed25519.verify)} what openssl verifies`
  line(`aod: ${kind} key, ${processes} process${processes > 1 ? 'es' : ''}`, perSecond(rate), `${against}; ${cpu_us.toFixed(0)} us of processor time a message`)
  line('     99th percentile at half that load', ms(half.p99_ms), `median ${ms(half.p50_ms)}`)
}
