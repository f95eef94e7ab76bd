// How many small items a second does the gateway serve? The same reads of arlocal, the local network
// that Arweave programs have used so far: the same transactions, the same connections, in turns.
// Fetches and builds arlocal once, into build/arlocal.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { arlocalProgram } from './support/arlocal.mjs'
import { benchProgram, runJson } from './support/programs.mjs'
import { heading, line, perSecond, times } from './support/report.mjs'
import { arweaveClient, startGateway } from '../test/wire/support/gateway.mjs'
import { eventually, request, root, temporaryFolder } from '../test/wire/support/network.mjs'
import { addressOf, readWallet } from '../test/wire/support/items.mjs'

const items = 100, bytes = 500, connections = 32, seconds = 3, rounds = 3
heading(`Gateway: reads of ${items} items of ${bytes} bytes on ${connections} connections, the best of ${rounds} rounds of ${seconds} s`)

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})

async function startArlocal() {
  const port = await freePort(), folder = temporaryFolder(), url = `http://127.0.0.1:${port}`
  const child = spawn(process.execPath, [arlocalProgram(), String(port), '--hidelogs', `--dbpath=${folder}`], { cwd: folder, stdio: 'ignore' })
  process.on('exit', () => child.kill('SIGKILL'))
  await eventually('arlocal answers', () => request(`${url}/info`).then(({ status }) => status === 200, () => false))
  return { ar: url, stop: () => child.kill('SIGKILL') }
}

const wallet = readWallet(join(root, 'src/node/keys/account0.jwk.json'))

// Post the same small transactions; answers their paths.
async function fill({ ar }) {
  const arweave = arweaveClient(ar)
  await request(`${ar}/mint/${addressOf(wallet)}/1000000000000000000`)
  const paths = []
  for (let i = 0; i < items; i++) {
    const transaction = await arweave.createTransaction({ data: String(i).padEnd(bytes, '.') }, wallet)
    await arweave.transactions.sign(transaction, wallet)
    const { status } = await arweave.transactions.post(transaction)
    if (status !== 200) throw new Error(`posting answered ${status}`)
    paths.push(`/${transaction.id}`)
  }
  await request(`${ar}/mine`)
  return paths.join('\n')
}

const servers = { aod: await startGateway(), arlocal: await startArlocal() }
const best = {}
for (const server of Object.values(servers)) server.paths = await fill(server)
for (let round = 0; round < rounds; round++) {
  for (const [name, { ar, paths }] of Object.entries(servers)) {
    const { hostname, port } = new URL(ar)
    const measured = runJson(benchProgram('load'), [hostname, port, connections, seconds], paths)
    if (!best[name] || measured.per_second > best[name].per_second) best[name] = measured
  }
}
for (const server of Object.values(servers)) await server.stop()
const latency = ({ p50_us, p99_us }) => `median ${(p50_us / 1000).toFixed(2)} ms, 99th percentile ${(p99_us / 1000).toFixed(2)} ms`
line('aod gateway', perSecond(best.aod.per_second), latency(best.aod))
line('arlocal', perSecond(best.arlocal.per_second), latency(best.arlocal))
line('', times(best.aod.per_second, best.arlocal.per_second), 'the goal is 20 times')
process.exit(0)
