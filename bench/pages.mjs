// Does a long schedule cost more than a short one? Fills one process of `aod su` over HTTP with
// MESSAGES (100,000 unless told) and compares: memory of the scheduler when a tenth is there and when
// all is; a page of 100, by nonce and by time, at the start, in the middle and at the end; the
// newest record and the process. Then `aod fsck` reads the folder.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { heading, line, mib, ms, perSecond, quantile, times } from './support/report.mjs'
import { program, root, eventually, getJson, request, startProgram, temporaryFolder } from '../test/wire/support/network.mjs'

const build = process.env.AOD_BUILD ?? join(root, 'build')
const messages = Number(process.env.MESSAGES ?? 100_000)
const page = 100
execFileSync('cmake', ['--build', build, '--target', 'bench_schedule'], { stdio: 'ignore' })

const status = (pid, field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

const data = temporaryFolder(), wallet = join(temporaryFolder(), 'wallet.json')
execFileSync(program, ['wallet', 'new', '--kind', 'ed25519', '--out', wallet], { stdio: 'ignore' })
const ar = await startProgram('serve', ['--units', 'ar', '--data', temporaryFolder(), '--ar-port', '0', '--bundler-port', '0'])
const su = await startProgram('su', ['--data', data, '--port', '0', '--metrics', '--wallet', wallet,
  '--gateway-url', ar.info.ar, '--upload', ar.info.bundler])
const url = su.info.su, { hostname, port } = new URL(url), pid = su.run.child.pid

// Not execFileSync: connections that the scheduler closes meanwhile must be noticed.
const fill = async (count) => JSON.parse((await promisify(execFile)(join(build, 'bench_schedule'),
  [hostname, port, su.info.scheduler, ar.info.modules.aos2_0_6, 1, count, 64].map(String))).stdout)

const published = () => eventually('everything is published', async () =>
  Number(/^ao_su_unpublished (\d+)$/m.exec((await request(`${url}/metrics`)).text)[1]) === 0, { within_ms: 3_600_000 })

// Median of what a client waits for, over `paths`.
async function median(paths) {
  const took = []
  for (const path of paths) {
    const began = performance.now()
    const { status, text } = await request(`${url}${path}`)
    took.push(performance.now() - began)
    if (status !== 200) throw new Error(`${path}: ${text}`)
  }
  return quantile(took, 0.5)
}

const repeated = (path) => Array(50).fill(path)

// Pages that follow each other from a nonce on, as a compute unit reads them.
async function measurePages(id, nonce) {
  const { edges } = await getJson(`${url}/${id}?from-nonce=${nonce - 1}&limit=10000`)
  const starts = edges.filter((_, i) => i % page === 0).slice(0, 50)
  const stamp = (edge) => Number(edge.node.assignment.tags.find(({ name }) => name === 'Timestamp').value)
  return {
    nonce: await median(starts.map((edge) => `/${id}?from-nonce=${Number(edge.cursor) - 1}&limit=${page}`)),
    time: await median(starts.map((edge) => `/${id}?from=${stamp(edge) - 1}&limit=${page}`)),
  }
}

heading(`A schedule of ${messages} messages in one process`)
const short = await fill(Math.ceil(messages / 10))
await published()
const before = { rss: status(pid, 'VmRSS'), latest: await median(repeated(`/${short.process}/latest`)), process: await median(repeated(`/processes/${short.process}`)) }
const long = await fill(messages)
await published()
const after = { rss: status(pid, 'VmRSS'), latest: await median(repeated(`/${long.process}/latest`)), process: await median(repeated(`/processes/${long.process}`)) }
line('messages ordered a second', perSecond(long.rate), `the first tenth ${perSecond(short.rate)}`)
line(`memory after ${Math.ceil(messages / 10)} messages`, mib(before.rss))
line(`memory after ${messages} more`, mib(after.rss))
line('the newest record', ms(after.latest), `${ms(before.latest)} when a tenth was there`)
line('the process', ms(after.process), `${ms(before.process)} when a tenth was there`)

const places = { start: 1, middle: messages / 2, end: messages - 50 * page + 1 }
const pages = {}
await measurePages(long.process, 1) // warms up client and scheduler
for (const [place, nonce] of Object.entries(places)) pages[place] = await measurePages(long.process, Math.floor(nonce))
for (const [key, name] of [['nonce', 'nonce'], ['time', 'timestamp']]) {
  for (const place of Object.keys(places))
    line(`a page of ${page} by ${name}, ${place}`, ms(pages[place][key]), place === 'start' ? '' : `${times(pages[place][key], pages.start[key])} the start`)
}
await su.stop()
await ar.stop()

const began = performance.now()
const fsck = spawn(program, ['fsck', data], { stdio: 'ignore' })
let peak = 0
const watch = setInterval(() => { peak = Math.max(peak, status(fsck.pid, 'VmHWM') || 0) }, 50)
const code = await new Promise((resolve) => fsck.on('exit', resolve))
clearInterval(watch)
if (code !== 0) throw new Error(`aod fsck ended with ${code}`)
const seconds = (performance.now() - began) / 1000
line('aod fsck, every signature verified', perSecond((long.messages + short.messages) / seconds), `${seconds.toFixed(1)} s, ${mib(peak)} at most`)
line('su.db', mib(statSync(join(data, 'su.db')).size / 1024), `${Math.round(statSync(join(data, 'su.db')).size / (long.messages + short.messages))} bytes a message`)
