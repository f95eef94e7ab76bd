// Conformance of the host of Wasm modules, seen through `aod eval`: what a module can find out about
// where it runs, and what becomes of a message. Statements H1-H60; those that only a module written for
// the purpose, or a look into its memory, can show are in test/unit/vm, and the recorded scripts have
// a file of their own, eval.test.mjs.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  aodEval, env, evaluateLua, messageOf, missing, moduleFile, outputOf, recordedLines, scriptFile, textOf,
} from './support/eval.mjs'
import { moduleOf } from './support/modules.mjs'
import { program, temporaryFolder } from './support/network.mjs'

const folder = temporaryFolder()
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

// aos of either pointer size, and the oldest one.
const families = ['aos2_0_6', 'aos2_0_4_32', 'aos']
const newer = families.slice(0, 2)
const forEach = (names, what, run) => {
  for (const name of names) test(`${what} (${name})`, { skip: missing(name) }, () => run(name))
}

// What is compiled for these tests alone need not be fast.
const quickly = ['--compile', 'first']

// What the codes, each a message, say.
const said = (name, ...codes) => evaluateLua(name, codes, { args: quickly }).map(outputOf)
const errorOf = ({ result }) => result.Error

// A `handle` that answers with the message's own Data, and one that shows what it was given.
const answerAll = `local json = require('json') handle = function(msg) return json.decode(msg).Data end`
const showAll = `local json = require('json')
  handle = function(msg, env) return json.encode({ ok = true, response = { Output = { msg = msg, env = env } } }) end`

// ---- loading ----

const file = (name, bytes) => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}
const smallest = 'wasm64-unknown-emscripten-draft_2024_02_15'
const around = { msg: {}, env: {} }

test('H1 an import that nobody offers is named, with its module', () => {
  const unknown = moduleOf(smallest, { imports: '(import "env" "clock_time_get" (func (param i32)))' })
  const run = aodEval(['--module', file('unknown.wasm', unknown), '--format', smallest], textOf(around))
  assert.equal(run.code, 4, run.err)
  assert.match(run.err, /env.*clock_time_get/)
  assert.deepEqual(run.lines, [])
  const elsewhere = moduleOf(smallest, { imports: '(import "wasi_unstable" "fd_write" (func (param i32 i64 i64 i64) (result i32)))' })
  assert.match(aodEval(['--module', file('elsewhere.wasm', elsewhere), '--format', smallest], textOf(around)).err, /wasi_unstable.*fd_write/)
})

test('H3 white space around a Module-Format does not count', () => {
  const run = aodEval(['--module', file('smallest.wasm', moduleOf(smallest))], textOf({ ...around, format: ` ${smallest}\n` }))
  assert.equal(run.code, 0, run.err)
  assert.equal(run.lines[0].result.Output, 'smallest')
})

// The reference suspends a module that opens a file, and allocates for that.
test('H8 W28 aos boots in its first message, within the memory that it was loaded with', { skip: missing('aos2_0_6') }, () => {
  const [boot] = recordedLines('aos2_0_6')
  const { lines } = aodEval(['--module', moduleFile('aos2_0_6'), '--state'], textOf(boot))
  assert.equal(lines[0].memory.bytes, 71303168)
  assert.match(lines[0].result.Output.prompt, /aos-2\.0\.4/)
})

// ---- calling ----

test('H9 a module is given the texts that were recorded, byte for byte', { skip: missing('aos2_0_6') }, () => {
  const scripts = ['aos', 'aos2_0_6', 'aos2_0_4_32', 'process', 'sqlite', 'loader_fixture_emscripten', 'loader_fixture_emscripten2_aos']
  const lines = scripts.flatMap(recordedLines)
  const [, ...shown] = evaluateLua('aos2_0_6', [showAll, ...lines])
  shown.forEach(({ result }, i) => {
    const { input, label } = lines[i]
    for (const name of ['msg', 'env']) {
      const text = Buffer.from(result.Output[name])
      assert.deepEqual([text.length, sha256(text)], [input[`${name}_bytes`], input[`${name}_sha256`]], `${name} of ${label ?? i}`)
    }
  })
})

forEach(newer, 'H13 5,000,000 bytes of Data', (name) => {
  const measure = `local json = require('json')
    handle = function(msg) return json.encode({ ok = true, response = { Output = #json.decode(msg).Data } }) end`
  const [, large] = evaluateLua(name, [measure, 'x'.repeat(5_000_000)])
  assert.equal(large.result.Output, 5_000_000)
})

forEach(newer, 'H14 a result has its members in one order, Patches always and the others when they are there', (name) => {
  const answer = (response) => messageOf(name, { Data: JSON.stringify({ ok: true, response }) })
  const all = { Patches: [1], Assignments: [2], Spawns: [3], Messages: [4], Output: 'o', Other: 5, Memory: 'm' }
  const [, full, bare, failed] = evaluateLua(name, [answerAll, answer(all), answer({ Output: 'o' }), answer({ ...all, Error: 'e' })])
  const { Other, Memory, ...kept } = all
  assert.deepEqual(full.result, { ...kept, GasUsed: 0 })
  assert.deepEqual(Object.keys(full.result), ['Output', 'Messages', 'Spawns', 'Assignments', 'Patches', 'GasUsed'])
  assert.equal(JSON.stringify(bare.result), '{"Output":"o","Patches":[],"GasUsed":0}')
  assert.deepEqual(Object.keys(failed.result), ['Error', 'Output', 'Messages', 'Spawns', 'Assignments', 'Patches', 'GasUsed'])
})

test('H16 an Error is what the module says', { skip: missing('aos2_0_6') || missing('aos') }, () => {
  const code = 'error({code=7})'
  const [failed] = evaluateLua('aos2_0_6', [code])
  assert.deepEqual(failed.result, { Error: `[string ".process"]:947: attempt to concatenate a table value (local 'result')` })
  const [old] = evaluateLua('aos', [code]) // whose handle succeeds: what a result always has is there
  assert.deepEqual(old.result, { Error: { code: 7 }, Patches: [], GasUsed: 0 })
})

test('H17 an answer that is no JSON is an Error', { skip: missing('aos') || missing('aos2_0_6') }, () => {
  const [unencodable, alive] = evaluateLua('aos', ['io.write("x")', 'return "alive"'])
  assert.deepEqual(unencodable.result, { Error: 'Unexpected end of JSON input' })
  assert.equal(outputOf(alive), 'alive')
  const data = (text) => messageOf('aos2_0_6', { Data: text })
  const [, empty, broken] = evaluateLua('aos2_0_6', [answerAll, data(''), data('{"ok":')])
  assert.equal(errorOf(empty), 'Unexpected end of JSON input')
  assert.equal(typeof errorOf(broken), 'string')
})

forEach(newer, 'H18 whatever fails leaves the memory as it was', (name) => {
  const data = (text) => messageOf(name, { Data: text })
  const failures = {
    'an Error in the result': data('{"ok":true,"response":{"Error":"e","Output":"o"}}'),
    'a refusal': data('{"ok":false,"response":"no"}'),
    'no text': data(''),
    'no JSON': data('{{'),
    'an exit': data('exit'),
  }
  const handle = `Seen = 0
    handle = function(msg)
      Seen = Seen + 1
      local data = require('json').decode(msg).Data
      if data == 'exit' then os.exit(1) end
      return data
    end`
  const good = data('{"ok":true,"response":{"Output":"o"}}')
  const [before, ...after] = evaluateLua(name, [handle, good, ...Object.values(failures)]).slice(1)
  Object.keys(failures).forEach((what, i) => {
    assert.ok(errorOf(after[i]), what)
    assert.deepEqual(after[i].memory, before.memory, what)
  })
})

// aos has 40 MiB of stack.
test('H18 H20 a trap is an Error with its text, and leaves the memory as it was', { skip: missing('aos') }, () => {
  const [before, trap, after] = evaluateLua('aos', ['return 1', 'x'.repeat(43_000_000), 'return 2'])
  assert.deepEqual(trap.result, { Error: 'memory access out of bounds' })
  assert.deepEqual(trap.memory, before.memory)
  assert.equal(outputOf(after), '2')
})

forEach(families, 'H21 os.exit ends the message, not the process', (name) => {
  const [, exit, next] = evaluateLua(name, ['Kept = 5', 'Kept = 6 os.exit(3)', 'return Kept'])
  assert.deepEqual(exit.result, { Error: { name: 'ExitStatus', message: 'Program terminated with exit(3)', status: 3 } })
  assert.equal(outputOf(next), '5')
})

test('H22 the same script twice gives the same images', { skip: missing('process') }, () => {
  const images = () => {
    const { lines } = aodEval(['--module', moduleFile('process'), '--messages', scriptFile('process'), '--state'])
    return lines.map(({ memory }) => memory.sha256)
  }
  const first = images()
  assert.ok(new Set(first).size > 20)
  assert.deepEqual(images(), first)
})

// ---- time and chance ----

forEach(newer, 'H23 os.time is the Timestamp of the message', (name) => {
  assert.deepEqual(said(name, 'return os.time()', 'return os.time{year=2024,month=1,day=1,hour=0}'), ['1731000061013', '1731000061013'])
})

test('H24 os.time of the oldest aos stands still', { skip: missing('aos') }, () => {
  assert.deepEqual(said('aos', 'return os.time()', 'return os.time()'), ['10', '10'])
})

forEach(families, 'H26 os.clock goes on by a millisecond a call, and begins anew with each message', (name) => {
  const calls = `return os.clock() .. ' ' .. os.clock() .. ' ' .. os.clock()`
  assert.deepEqual(said(name, calls, calls), ['0.001 0.002 0.003', '0.0 0.001 0.002'])
})

test('H27 math.random is a function of the process', { skip: missing('aos2_0_6') }, () => {
  const { msg: { Data } } = recordedLines('aos2_0_6')[14]
  const [first, again] = [said('aos2_0_6', Data), said('aos2_0_6', Data)]
  assert.match(first[0], /^\d+(,\d+){7},0\.\d+,[1-5]$/)
  assert.deepEqual(again, first)
})

// The module has no Eval: what it says is changed in its Lua text.
test('H27 math.random of the plainest module is 0.5', { skip: missing('process') }, () => {
  const [spoken, asked] = [`'sent pong reply : '`, `math.random() .. ' '`]
  const text = readFileSync(moduleFile('process'), 'latin1')
  const module = file('random.wasm', Buffer.from(text.replace(spoken, asked), 'latin1'))
  const run = aodEval([...quickly, '--module', module], textOf(...recordedLines('process').slice(0, 2)))
  for (const { result } of run.lines) assert.match(result.Output, /^0\.5 /)
})

forEach(families, 'H28 H29 H30 dates are UTC and English', (name) => {
  const every = '%a %A %b %B %d %H %I %j %m %M %p %S %y %Y %x %X %D %F %R %T %%'
  const formats = ['!%Y-%m-%d %H:%M:%S', '%c', '%Z', '%z', '%U %V']
  const answers = said(name, ...formats.map((format) => `return os.date('${format}', 1700000000)`), `return os.date('${every}', 951782400)`)
  assert.deepEqual(answers, [
    '2023-11-14 22:13:20', 'Tue Nov 14 22:13:20 2023', 'UTC', '+0000', '46 46',
    'Tue Tuesday Feb February 29 00 12 060 02 00 AM 00 00 2000 02/29/00 00:00:00 02/29/00 2000-02-29 00:00 00:00:00 %',
  ])
})

// malloc gives the text's place within an answer that is ready but for it.
test('H28 the old formats have a long name for the time zone', () => {
  const answer = String.raw`{\"ok\":true,\"response\":{\"Output\":\"`
  const module = moduleOf('wasm32-unknown-emscripten2', {
    imports: '(import "env" "_tzset_js" (func $tzset (param i32 i32 i32)))',
    work: '(call $tzset (i32.const 3000) (i32.const 3004) (i32.const 3008)) (i32.store (i32.const 2059) (i32.const 0x7d7d22)) (return (i32.const 2000))',
    more: `(data (i32.const 2000) "${answer}") (global $next (mut i32) (i32.const 2033))
      (func (export "malloc") (param i32) (result i32) (local $at i32)
        (local.set $at (global.get $next)) (global.set $next (i32.const 2500)) (local.get $at))`,
  })
  const run = aodEval(['--module', file('zone.wasm', module), '--format', 'wasm32-unknown-emscripten2'], textOf(around))
  assert.equal(run.lines[0]?.result.Output, 'Coordinated Universal Time', run.err)
})

test('H31 os.time makes a number of a date', { skip: missing('aos') }, () => {
  assert.deepEqual(said('aos', 'return os.time{year=2024,month=1,day=1,hour=0}'), ['1704067200'])
})

// ---- the system ----

forEach(families, 'H33 there is no environment', (name) => {
  assert.deepEqual(said(name, `return tostring(os.getenv('HOME'))`, `return tostring(os.getenv('PATH'))`), ['nil', 'nil'])
})

forEach(families, 'H34 H35 no command is run', (name) => {
  const made = join(folder, `made-by-${name}`)
  const [without, command, piped] = evaluateLua(name,
    ['return tostring(os.execute())', `return tostring(os.execute('touch ${made}'))`, `io.popen('touch ${made}')`])
  assert.deepEqual([outputOf(without), outputOf(command)], ['false', 'nil'])
  assert.match(errorOf(piped) ?? outputOf(piped), /'popen' not supported/)
  assert.equal(existsSync(made), false)
})

forEach(families, 'H36 there are no files', (name) => {
  const code = `return tostring(io.open('/etc/passwd')) .. tostring(io.open('/x', 'w')) .. tostring(io.open('${program}'))`
  assert.deepEqual(said(name, code), ['nilnilnil'])
})

forEach(families, 'H37 what is not there cannot be removed or renamed', (name) => {
  const code = (call) => `local ok, text = ${call} return tostring(ok) .. ' ' .. text`
  assert.deepEqual(said(name, code(`os.remove('/x')`), code(`os.rename('/a', '/b')`)),
    ['nil /x: No such file or directory', 'nil No such file or directory'])
})

forEach(newer, 'H38 what is written is in no result, and there is nothing to read', (name) => {
  const [boot] = recordedLines(name)
  const lines = [`io.write('to nobody\\n') return 'written'`, 'return tostring(io.read())'].map((Data) => messageOf(name, { Data }))
  const run = aodEval(['--module', moduleFile(name)], textOf(boot, ...lines))
  assert.deepEqual(run.lines.slice(1).map(outputOf), ['written', 'nil'])
  assert.doesNotMatch(run.out, /to nobody/)
  assert.match(run.err, /to nobody/) // where who runs the script sees it
})

forEach(families, 'H39 names for temporary files are there for the asking, and take a tick of the clock', (name) => {
  const [path, took] = said(name, 'return os.tmpname()', `local before = os.clock() os.tmpname() return ('%.3f'):format(os.clock() - before)`)
  assert.match(path, /^\/tmp\/\w+$/)
  assert.equal(took, '0.002') // the clock's own tick is the other
})

// ---- memory ----

forEach(families, 'H43 too much memory is an error of Lua, and the process goes on', (name) => {
  const [, whole, caught, next] = evaluateLua(name, ['Kept = 1', `return #string.rep('x', 2^30)`,
    `return tostring(select(2, pcall(string.rep, 'x', 2^30)))`, 'return Kept'])
  assert.match(errorOf(whole), /not enough memory for buffer allocation/)
  assert.equal(outputOf(caught), 'not enough memory for buffer allocation')
  assert.equal(outputOf(next), '1')
})

test('H44 a module keeps to its own maximum, whatever the limit', { skip: missing('aos2_0_6') }, () => {
  const fill = `local all = {} while pcall(function() all[#all + 1] = ('x'):rep(2^26 + #all) end) do end return #all`
  const [filled] = evaluateLua('aos2_0_6', [fill], { args: ['--memory-limit', '16-gb'] })
  assert.ok(Number(outputOf(filled)) >= 5, outputOf(filled))
  assert.ok(filled.memory.bytes > 450_000_000 && filled.memory.bytes <= 536870912, String(filled.memory.bytes))
})

forEach(families, 'H46 a recursion without end is an error of Lua', (name) => {
  const [endless] = evaluateLua(name, ['local function f(n) return 1 + f(n + 1) end return f(1)'])
  assert.match(errorOf(endless), /stack overflow$/)
})

forEach(families, 'H47 a pattern can be too complex', (name) => {
  const code = `return tostring((pcall(string.gsub, ('a'):rep(100000), ('a?'):rep(300) .. 'b', '')))`
  assert.deepEqual(said(name, code), ['false'])
})

forEach(newer, 'H48 a hundred thousand errors caught cost no depth', (name) => {
  const depth = 'local n = 0 local function f() n = n + 1 f() end pcall(f) return n'
  const [before, caught, after] = said(name, depth, 'for i = 1, 100000 do pcall(error) end return "caught"', depth)
  assert.equal(caught, 'caught')
  assert.ok(Number(before) > 10000)
  assert.equal(after, before)
})

// ---- gas ----

describe('metered aos', { skip: missing('aos2_0_6') || missing('aos2_0_4_32') }, () => {
  const metered = (name, from, to) => {
    const lines = recordedLines(`${name}.metered`)
    return evaluateLua(`${name}.metered`, lines.slice(from, to), { module: name })
  }

  test('H50 the boot costs what it costs when drives are answered at once', () => {
    for (const name of newer) {
      const [boot] = recordedLines(`${name}.metered`)
      const { lines } = aodEval(['--module', moduleFile(name)], textOf(boot))
      assert.equal(lines[0].result.GasUsed, boot.alt.sync.GasUsed)
    }
  })

  test('H51 equal messages cost what was recorded', () => {
    assert.deepEqual(metered('aos2_0_6', 1, 3).map(({ result }) => result.GasUsed), [1124883902, 1127691004])
  })

  test('H52 out of gas: no pcall catches it, nothing of it remains, the next message begins from 0', () => {
    const [last, loop, caught, next] = metered('aos2_0_6', 9, 13)
    for (const { result, memory } of [loop, caught]) {
      assert.deepEqual(result, { Error: 'out of gas!' })
      assert.deepEqual(memory, last.memory)
    }
    assert.equal(next.result.Error, undefined)
    assert.ok(next.result.GasUsed < 3e9, String(next.result.GasUsed))
  })
})

for (const format of ['wasm32-unknown-emscripten', 'wasm32-unknown-emscripten2']) {
  test(`H54 a module that was metered when it was built tells its gas (${format})`, () => {
    const imports = '(import "metering" "usegas" (func $gas (param i32)))'
    const module = file('built.wasm', moduleOf(format, { imports, work: '(call $gas (i32.const 700)) (call $gas (i32.const 77))' }))
    const run = aodEval(['--module', module, '--format', format], textOf(around, around))
    assert.equal(run.code, 0, run.err)
    for (const { result } of run.lines) assert.equal(result.GasUsed, 777)
    const short = aodEval(['--module', module, '--format', format, '--compute-limit', '776'], textOf(around))
    assert.equal(short.lines[0].result.Error, 'out of gas!')
  })
}

// ---- sqlite ----

describe('sqlite', { skip: missing('sqlite') }, () => {
  const open = (path) => `local db = require('lsqlite3').open(${path})`
  const value = (sql) => `for v in db:urows("${sql}") do return v end`

  test('H12 what does not fit onto a small stack is an Error, and leaves nothing behind', () => {
    const [fits, before, beyond, after] = evaluateLua('sqlite',
      [`return #'${'x'.repeat(50_000)}'`, 'return 1', 'x'.repeat(120_000), 'return 2'], { args: quickly })
    assert.equal(outputOf(fits), '50000')
    assert.deepEqual(beyond.result, { Error: 'memory access out of bounds' })
    assert.deepEqual(beyond.memory, before.memory)
    assert.equal(outputOf(after), '2')
  })

  test('H24 os.time stands still', () => assert.deepEqual(said('sqlite', 'return os.time()', 'return os.time()'), ['10', '10']))

  test('H32 random bytes are the same in every replay', () => {
    const code = `local db = require('lsqlite3').open_memory() ${value('SELECT hex(randomblob(8))')}`
    const [first] = said('sqlite', code)
    assert.match(first, /^[0-9A-F]{16}$/)
    assert.deepEqual(said('sqlite', code), [first])
  })

  test('H40 a database in a file lives for a message', () => {
    const write = `${open(`'/tmp/a.db'`)} db:exec('CREATE TABLE t (n); INSERT INTO t VALUES (7)') db:close()
      ${open(`'/tmp/a.db'`)} ${value('SELECT n FROM t')}`
    const read = `${open(`'/tmp/a.db'`)} return tostring(db:exec('SELECT n FROM t')) .. ' ' .. db:errmsg()`
    assert.deepEqual(said('sqlite', write, read), ['7', '1 no such table: t'])
  })

  test('H41 a database in memory is part of the process', () => {
    assert.deepEqual(said('sqlite', `db = require('lsqlite3').open_memory() db:exec('CREATE TABLE t (n); INSERT INTO t VALUES (7)') return 'made'`,
      `db:exec('UPDATE t SET n = n + 1') ${value('SELECT n FROM t')}`, value('SELECT n FROM t')), ['made', '8', '8'])
  })
})

// ---- determinism ----

forEach(newer, 'H59 time zone, locale, environment, input and addresses of the host change nothing', (name) => {
  const codes = [
    `return os.date('%c %Z %z') .. os.tmpname() .. tostring({}) .. string.format('%.2f', 0.5) .. os.clock()`,
    `local t = {} for i = 1, 100 do t['k' .. i] = i end local s = '' for k in pairs(t) do s = s .. k end return s`,
    `return tostring(io.read()) .. math.random(1, 1000000) .. tostring(os.getenv('LANG')) .. ('%s'):format(print)`,
  ]
  const images = (options) => evaluateLua(name, codes, options).map(({ memory }) => memory.sha256)
  const plain = images()
  const elsewhere = { ...env, TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'de_DE.UTF-8', HOME: '/nowhere', AOS: 'x'.repeat(10000) }
  assert.deepEqual(images({ around: elsewhere }), plain)
  assert.deepEqual(images({ command: ['setarch', '-R', program] }), plain)
})

forEach(families, 'H60 a NaN has the sign that x86 gives it', (name) => {
  const bits = (value) => `(('<d'):pack(${value}):gsub('.', function(c) return ('%02x'):format(c:byte()) end))`
  assert.deepEqual(said(name, `return 0/0 .. ' ' .. -(0/0)`, `return ${bits('0/0')} .. ' ' .. ${bits('-(0/0)')} .. ' ' .. ${bits('math.huge - math.huge')}`),
    ['-nan nan', '000000000000f8ff 000000000000f87f 000000000000f8ff'])
})
