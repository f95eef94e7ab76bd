// The benchmarks' own C programs: bench/<name>.c, built when first asked for.
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { program } from '../../test/wire/support/network.mjs'

const build = process.env.AOD_BUILD ?? dirname(program)

export function benchProgram(name) {
  execFileSync('cmake', ['--build', build, '--target', `bench_${name}`], { stdio: ['ignore', 'ignore', 'inherit'] })
  return join(build, `bench_${name}`)
}

export const runJson = (file, args, input) =>
  JSON.parse(execFileSync(file, args.map(String), { input, maxBuffer: 1 << 26, stdio: ['pipe', 'pipe', 'inherit'] }))
