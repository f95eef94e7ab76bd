// How long from the command to a network that answers?
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { heading, line, ms, quantile } from './support/report.mjs'
import { runProgram, temporaryFolder } from '../test/wire/support/network.mjs'

const runs = 20
heading(`Start: from the command until every port answers (${runs} runs of aod dev)`)

const times_ms = []
for (let i = 0; i < runs; i++) {
  const portsFile = join(temporaryFolder(), 'ports.json')
  const began = performance.now()
  const run = runProgram(['dev', '--port-base', '0', '--ports-file', portsFile])
  for (;;) {
    try {
      readFileSync(portsFile)
      break
    } catch {
      if (!run.isRunning()) throw new Error(run.err)
      await new Promise((resume) => setTimeout(resume, 1))
    }
  }
  times_ms.push(performance.now() - began)
  run.signal('SIGTERM')
  await run.ended
  rmSync(portsFile, { force: true })
}
line('median', ms(quantile(times_ms, 0.5)), `worst ${ms(Math.max(...times_ms))}, the goal is 100 ms`)
