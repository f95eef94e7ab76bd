// aod eval: the recorded scripts give the recorded results, gas and memory; and what it says when
// something is wrong with a script.
//
// Scripts whose module is missing are skipped, as are those that take minutes to compile unless
// AOD_SLOW_TESTS is set.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { aodEval, env, missing, moduleFile, recordedLines, scriptFile, textOf as text } from './support/eval.mjs'
import { program, temporaryFolder } from './support/network.mjs'

const folder = temporaryFolder()

// ---- recorded scripts ----

const scripts = [
  { name: 'process' },
  { name: 'aos' },
  { name: 'aos2_0_1' },
  { name: 'aos2_0_3' },
  { name: 'aos2_0_6' },
  { name: 'aos2_0_4_32' },
  { name: 'aos2_0_6.metered', module: 'aos2_0_6' },
  { name: 'aos2_0_4_32.metered', module: 'aos2_0_4_32' },
  { name: 'sqlite', slow: true },
  { name: 'llama', slow: true },
]

// The recording with gas as it is when WeaveDrive calls are answered at once; `thrown` says of which
// class an exception was and is no part of a result.
function expectedResult(line) {
  const { thrown, ...result } = line.result
  if (line.alt?.sync?.GasUsed !== undefined) result.GasUsed = line.alt.sync.GasUsed
  return result
}

// As text: the order of keys counts.
function comparable(result, line) {
  const { Output, ...rest } = result
  return JSON.stringify(line.volatile?.includes('result.Output') ? rest : result)
}

function compare(line, got) {
  const what = `line ${line.i} (${line.label ?? ''})`
  assert.equal(got.i, line.i)
  assert.equal(comparable(got.result, line), comparable(expectedResult(line), line), what)
  assert.ok(got.ms > 0, what)
  if (!line.alt || line.volatile?.includes('memory')) return
  const { bytes, sha256 } = line.alt.sync
  assert.deepEqual(got.memory, { bytes, sha256 }, what)
}

describe('recorded scripts', () => {
  for (const { name, module = name, slow } of scripts) {
    const skip = missing(module) || (slow && !process.env.AOD_SLOW_TESTS && 'compiling it takes minutes; set AOD_SLOW_TESTS')
    test(name, { skip }, () => {
      const recorded = recordedLines(name)
      const run = aodEval(['--module', moduleFile(module), '--messages', scriptFile(name), '--state'])
      assert.equal(run.code, 0, run.err)
      assert.equal(run.lines.length, recorded.length)
      recorded.forEach((line, i) => compare(line, run.lines[i]))
    })
  }
})

// ---- options and errors ----

const [boot, ...later] = recordedLines('process')
const skip = missing('process')
const processArgs = ['--module', moduleFile('process')]

describe('what a script may be', { skip }, () => {
  test('it comes from stdin; a line needs msg and env alone; blank lines do nothing', () => {
    const { msg, env: around } = boot
    const run = aodEval(processArgs, text({ msg, env: around }, '', later[0]).trimEnd())
    assert.equal(run.code, 0, run.err)
    assert.deepEqual(run.lines.map(({ i }) => i), [0, 1])
    assert.equal(comparable(run.lines[1].result, later[0]), comparable(expectedResult(later[0]), later[0]))
    assert.deepEqual(Object.keys(run.lines[0]), ['i', 'result', 'ms'])
    const named = aodEval([...processArgs, '--messages', '-'], text(boot))
    assert.deepEqual(named.lines[0].result, run.lines[0].result)
  })

  test('each line is answered before the next one is written', async () => {
    const child = spawn(program, ['eval', ...processArgs], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    for (const line of [boot, ...later.slice(0, 3)]) {
      child.stdin.write(text(line))
      compare({ ...line, alt: undefined }, JSON.parse((await answers.next()).value))
    }
    child.stdin.end()
    assert.ok((await answers.next()).done)
  })

  test('--compute-limit wins over the recorded one, and what it stops leaves no trace', () => {
    const run = aodEval([...processArgs, '--compute-limit', '1000', '--state'], text(boot, boot))
    assert.equal(run.code, 0, run.err)
    for (const { result } of run.lines) assert.match(result.Error, /compute limit of 1000$/)
    assert.deepEqual(run.lines[0].memory, run.lines[1].memory)
  })

  test('--memory-limit is a size, and caps the module', () => {
    assert.equal(aodEval([...processArgs, '--memory-limit', '1-gb'], text(boot)).code, 0)
    const small = aodEval([...processArgs, '--memory-limit', '1-mb'], text(boot))
    assert.equal(small.code, 4, small.err)
    const word = aodEval([...processArgs, '--memory-limit', 'much'], text(boot))
    assert.equal(word.code, 64)
    assert.match(word.err, /1-gb/)
  })
})

describe('what is wrong is told, with its line', { skip }, () => {
  const cases = [
    ['no JSON', text(boot, '', '{"msg":'), 2, /stdin line 3: invalid JSON/],
    ['no object', text(boot, '[]'), 2, /stdin line 2: not a JSON object/],
    ['no msg', text(boot, { env: {} }), 2, /stdin line 2: the member msg is no object/],
    ['no env', text({ msg: {} }), 2, /stdin line 1: the member env is no object/],
    ['H2 an unknown format', text({ ...boot, format: 'wasm128' }), 4, /line 1: .*"wasm128" is not supported/],
  ]
  for (const [name, input, code, pattern] of cases) {
    test(name, () => {
      const run = aodEval(processArgs, input)
      assert.equal(run.code, code, run.err)
      assert.match(run.err, pattern)
      assert.equal(run.lines.length, /stdin line 1:/.test(run.err) ? 0 : 1, 'what came before was answered')
    })
  }

  test('files that are not there, and no module at all', () => {
    const file = join(folder, 'absent')
    assert.equal(aodEval(['--module', file], text(boot)).code, 3)
    const run = aodEval([...processArgs, '--messages', file])
    assert.equal(run.code, 3)
    assert.match(run.err, /absent/)
    assert.equal(aodEval([], text(boot)).code, 64)
  })

  test('what is no module', () => {
    const file = join(folder, 'broken.wasm')
    writeFileSync(file, Buffer.from('\0asm\x01\0\0\0\x01\xff', 'latin1'))
    const run = aodEval(['--module', file], text(boot))
    assert.equal(run.code, 2)
    assert.match(run.err, /broken\.wasm.*byte \d+/)
  })

  test('H55 a module with SIMD in a metering format',
    { skip: missing('sqlite') }, () => {
      const format = 'wasm64-unknown-emscripten-draft_2024_10_16-metering'
      const run = aodEval(['--module', moduleFile('sqlite'), '--format', format], text(boot))
      assert.equal(run.code, 4)
      assert.match(run.err, /cannot be metered/)
    })
})
