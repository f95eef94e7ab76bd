// The aos console itself, driven through a terminal as a person does. Statements E7-E11.
//
// It is not on npm in its current form: AOD_AOS names a folder where it was installed
// (CONTRIBUTING.md says how); without one there is nothing to test.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { eventually, startNetwork, temporaryFolder } from './support/network.mjs'
import { arrival, sendMessage, spawnProcess, printed, tag, valueOf } from './support/aos.mjs'

const folder = process.env.AOD_AOS
const installed = folder && existsSync(join(folder, 'package.json'))
const skip = !installed && 'AOD_AOS names no folder with an installed aos console; see CONTRIBUTING.md'

const live_ms = 15_000 // it looks every two seconds
const escapes = /\x1b\[[0-9;?]*[A-Za-z]/g

describe('the aos console', { skip }, () => {
  let net, home, console_

  // What aod dev prints for it; the address for updates is one where nothing is.
  const env = () => ({
    ...process.env, HOME: home, TERM: 'xterm',
    GATEWAY_URL: net.ar, MU_URL: net.mu, CU_URL: net.cu, SCHEDULER: net.scheduler, AOS_MODULE: net.module64,
    UPDATE_URL: `${net.cu}/nothing`,
  })
  const command = (...args) => ['node', join(folder, JSON.parse(readFileSync(join(folder, 'package.json'))).bin), '--legacy',
    '--wallet', net.accounts[0].jwk, '--tag-name', 'Authority', '--tag-value', net.authority, ...args]

  // A console in a terminal. `sees` waits for a text that was not seen before, colours left out.
  function openTerminal(...args) {
    const line = command(...args).map((word) => `'${word}'`).join(' ')
    const child = spawn('script', ['--quiet', '--flush', '--return', '--command', `stty cols 200 rows 50; exec ${line}`, '/dev/null'],
      { cwd: home, env: env(), stdio: ['pipe', 'pipe', 'inherit'] })
    process.on('exit', () => child.kill('SIGKILL'))
    let screen = '', seen = 0
    child.stdout.on('data', (chunk) => { screen += chunk })
    const ended = new Promise((resolve) => child.on('close', resolve))
    return {
      type: (text) => child.stdin.write(`${text}\r`),
      async sees(pattern, within_ms = 60_000) {
        const found = await eventually(`the console shows ${pattern}`, () => {
          if (child.exitCode !== null) assert.fail(`the console ended:\n${screen.replace(escapes, '')}`)
          return pattern.exec(screen.slice(seen).replace(escapes, ''))
        }, { within_ms }).catch((error) => assert.fail(`${error.message}\n${screen.slice(-3000).replace(escapes, '')}`))
        seen = screen.length
        return found
      },
      count: (pattern) => screen.replace(escapes, '').match(pattern).length,
      async close() {
        child.stdin.write('\x03')
        child.stdin.write('\x03')
        child.stdin.end()
        const patience = setTimeout(() => child.kill('SIGKILL'), 5000)
        await ended
        clearTimeout(patience)
      },
    }
  }

  // Without a terminal, as in a script: { code, out }.
  function run(...args) {
    const [node, ...rest] = command(...args)
    const child = spawn(node, rest, { cwd: home, env: env(), stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { out += chunk })
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, out: out.replace(escapes, '') })))
  }

  before(async () => {
    net = await startNetwork()
    home = temporaryFolder()
    console_ = openTerminal('tester')
    console_.id = (await console_.sees(/Your AOS process: +([A-Za-z0-9_-]{43})/i))[1]
    await console_.sees(/tester@aos-[0-9.]+\[Inbox:\d+\]>/)
  })
  after(async () => {
    await console_?.close()
    await net?.stop()
  })

  // First, since the console shows nothing live for a minute after a key was pressed.
  test('E8 shows messages of others as they come, once', async () => {
    const other = await spawnProcess(net)
    await printed(net, other, `Send({ Target = '${console_.id}', Action = 'Greet', Data = 'greetings from afar' }) return 1`)
    await console_.sees(new RegExp(`New Message From ${other.slice(0, 3)}.*: Action = Greet`), live_ms)
  })

  test('E8 shows a message of a user as well', async () => {
    await sendMessage(net, console_.id, { tags: [tag('Action', 'Note')], data: 'a note for the console' })
    await console_.sees(/New Message From .*: Action = Note/, live_ms)
    assert.equal(console_.count(/Action = Greet/g), 1, 'the one before is not shown again')
  })

  test('E7 evaluates what is typed, and keeps state', async () => {
    console_.type('Secret = 6 * 7')
    await console_.sees(/Inbox:\d+\]>/)
    console_.type('return "it is " .. Secret')
    await console_.sees(/it is 42/)
  })

  test('E7 shows errors', async () => {
    console_.type('error("on " .. "purpose")')
    await console_.sees(/on purpose/)
  })

  test('E10 loads a program of several files, larger than 100 KiB', async () => {
    writeFileSync(join(home, 'other.lua'), `local other = {}\n-- ${'x'.repeat(110_000)}\nfunction other.answer() return 'loaded from afar' end\nreturn other\n`)
    writeFileSync(join(home, 'main.lua'), `local other = require('.other')\nLoaded = other.answer()\nreturn Loaded\n`)
    console_.type('.load main.lua')
    await console_.sees(/loaded from afar/)
    console_.type('return Loaded .. "!"')
    await console_.sees(/loaded from afar!/)
  })

  test('E11 a message to another process and its answer', async () => {
    const other = await spawnProcess(net)
    await printed(net, other, `Handlers.add('ask', 'Ask', function (msg) msg.reply({ Data = 'pong' .. msg.Data }) end) return 1`)
    console_.type(`Answer = Send({ Target = '${other}', Action = 'Ask', Data = '!' }).receive().Data`)
    const asked = await arrival(net, other, ({ tags }) => valueOf(tags, 'Action') === 'Ask')
    assert.equal(valueOf(asked.message.tags, 'From-Process'), console_.id)
    await console_.sees(/Inbox:\d+\]>/)
    await eventually('the answer', async () => {
      console_.type('return "answer: " .. tostring(Answer)')
      return (await console_.sees(/answer: (\S+)/))[1].startsWith('pong!')
    })
  })

  test('E12 spawns a process and hears of it', async () => {
    console_.type('Child = Spawn(ao.env.Module.Id, { Authority = ao.authorities[1] }).receive().Process')
    await console_.sees(/Inbox:\d+\]>/)
    await eventually('the child', async () => {
      console_.type('return "child: " .. tostring(Child)')
      return /child: [A-Za-z0-9_-]{43}/.test(await console_.sees(/child: \S+/))
    })
  })

  test('E9 --run prints the value and exits 0, an error exits 1', async () => {
    const good = await run('scripted', '--run', '1+1')
    assert.equal(good.code, 0, good.out)
    assert.match(good.out, /^2$/m)
    const bad = await run('scripted', '--run', 'error("boo")')
    assert.equal(bad.code, 1, bad.out)
    assert.match(bad.out, /boo/)
  })
})
