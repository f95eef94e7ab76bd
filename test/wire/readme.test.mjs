// What the README promises a newcomer: its program, word for word but for ports and folder, prints 2.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { root, runProgram, startNetwork, temporaryFolder } from './support/network.mjs'

const readme = readFileSync(join(root, 'README.md'), 'utf8')

test('the program of the README runs', async () => {
  const data = temporaryFolder()
  const net = await startNetwork({ data })
  const file = join(root, 'build', `readme-${process.pid}.mjs`) // where node finds aoconnect
  try {
    const text = /```js\n(.*?)```/s.exec(readme)[1]
      .replace('http://127.0.0.1:4000', net.ar)
      .replace('http://127.0.0.1:4002', net.mu)
      .replace('http://127.0.0.1:4004', net.cu)
      .replace("'net/", `'${data}/`)
    writeFileSync(file, `import ${JSON.stringify(join(root, 'test/wire/support/webcrypto.mjs'))}\n${text}`)
    const { stdout } = await promisify(execFile)(process.execPath, [file])
    assert.equal(stdout, '2\n')
  } finally {
    rmSync(file, { force: true })
    await net.stop()
  }
})

test('the options of the README are those of the program', async () => {
  const help = runProgram(['dev', '--help'])
  await help.ended
  const named = [...readme.matchAll(/^\| `(--[a-z-]+)/gm)].map(([, option]) => option)
  assert.ok(named.length >= 6)
  for (const option of named) assert.ok(help.out.includes(option), option)
})
