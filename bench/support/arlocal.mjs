// arlocal as bench/support/arlocal/package-lock.json pins it, installed into build/arlocal when first
// asked for. Its database is a native module that npm compiles, which takes a minute or two. A
// dependency of it is named by a git address that not every machine reaches; the registry has it.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { root } from '../../test/wire/support/network.mjs'

const here = fileURLToPath(new URL('./arlocal/', import.meta.url))
const folder = join(root, 'build/arlocal')

export function arlocalProgram() {
  if (process.env.AOD_ARLOCAL) return process.env.AOD_ARLOCAL
  const program = join(folder, 'node_modules/arlocal/bin/index.js')
  const native = join(folder, 'node_modules/sqlite3/build/Release/node_sqlite3.node')
  if (existsSync(native)) return program
  console.log('  installing arlocal into build/arlocal, this happens once')
  mkdirSync(folder, { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(here, file), join(folder, file))
  const npm = (...args) => execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  npm('ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error')
  npm('rebuild', 'sqlite3', '--loglevel=error', ...(existsSync('/usr/include/node') ? ['--nodedir=/usr'] : []))
  return program
}
