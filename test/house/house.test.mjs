// The rules of the house that a compiler does not check: who may include whom, which floors are
// pure, how files begin, how long they get, and how they are laid out.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (file) => readFileSync(join(root, file), 'utf8')
const filesBelow = (folder) =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)])
const isC = (file) => /\.[ch]$/.test(file)

const sources = filesBelow('src').filter(isC)
const cFiles = [...sources, ...filesBelow('test'), ...filesBelow('bench')].filter(isC)

// The floors as CMakeLists.txt declares them, lowest first, each with the floors it may see.
const floors = new Map(
  [...read('CMakeLists.txt').matchAll(/^aod_floor\((\w+)(?: BELOW ([\w ]+?))?(?: LIBS [^)]*)?\)/gm)]
    .map(([, name, below = '']) => [name, below.split(' ').filter(Boolean)]))

const floorOf = (file) => file.split('/')[1]
const includesOf = (file) =>
  [...read(file).matchAll(/^\s*#\s*include\s+(["<])([^">]+)[">]/gm)].map(([, quote, path]) => ({
    path,
    system: quote === '<',
  }))

// One list of complaints a rule, so that a failure names every offender at once.
const assertNone = (complaints) => assert.deepEqual(complaints, [])

test('every folder of src is a floor, and floors see only what stands below them', () => {
  const built = [...floors.keys()]
  assert.ok(built.length >= 12, `found only the floors ${built}`)
  assertNone(readdirSync(join(root, 'src')).filter((name) => !floors.has(name)))
  assertNone(built.flatMap((name, height) =>
    floors.get(name).filter((below) => !built.slice(0, height).includes(below))
      .map((below) => `${name} sees ${below}, which does not stand below it`)))
})

test('the units do not see each other', () => {
  const units = ['mu', 'su', 'cu', 'ar']
  assertNone(units.flatMap((unit) => floors.get(unit).filter((below) => units.includes(below))))
})

test('includes point down', () => {
  assertNone(sources.flatMap((file) => {
    const floor = floorOf(file)
    const visible = new Set([floor, ...floors.get(floor)])
    return includesOf(file).filter(({ path, system }) => !system && !visible.has(path.split('/')[0]))
      .map(({ path }) => `${file} includes ${path}`)
  }))
})

test('nobody waits by a clock that may be put back', () => {
  const readers = ['src/base/clock.c', 'src/base/log.c']
  assertNone(sources.filter((file) => !readers.includes(file) &&
    /\bCLOCK_REALTIME|\bgettimeofday\(|\btime\(NULL\)/.test(read(file))))
  assertNone(sources.filter((file) => /pthread_cond_timedwait/.test(read(file)) && !/aod_clock_cond_init\(/.test(read(file))))
})

test('arweave and ao are pure: no clock, no files, no sockets, no log', () => {
  const impure = /^(time|sys\/time|fcntl|unistd|sys\/(socket|stat|mman)|poll|signal)\.h$|^base\/(clock|file|log|lane|pool)\.h$/
  assertNone(sources.filter((file) => ['arweave', 'ao'].includes(floorOf(file)))
    .flatMap((file) => includesOf(file).filter(({ path }) => impure.test(path))
      .map(({ path }) => `${file} includes ${path}`)))
})

test('headers are guarded by their own name', () => {
  const included = new Set(cFiles.flatMap((file) => includesOf(file).map(({ path }) => `src/${path}`)))
  assertNone(sources.filter((file) => file.endsWith('.h') && included.has(file)).filter((file) => {
    const guard = `AOD_${file.slice('src/'.length).replace(/[/.-]/g, '_').toUpperCase()}`
    return !read(file).includes(`#ifndef ${guard}\n#define ${guard}\n`)
  }))
})

test('a concept opens with what it is for: its header, or the source when it has none', () => {
  assertNone(sources
    .filter((file) => file.endsWith('.h') || !sources.includes(file.replace(/c$/, 'h')))
    .filter((file) => !read(file).startsWith('/* ')))
})

test('no file passes a thousand lines', () => {
  assertNone(cFiles.filter((file) => read(file).split('\n').length > 1000))
})

test('nothing is left for later', () => {
  assertNone(cFiles.filter((file) => /\b(TODO|FIXME|XXX|HACK)\b/.test(read(file))))
})

test('unit tests stand where the build looks for them', () => {
  assertNone(filesBelow('test/unit').filter(isC).filter((file) =>
    !floors.has(file.split('/')[2]) || file.split('/').length !== 4 || !/_test\.[ch]$|\.h$/.test(file)))
})

test('C sources are laid out as .clang-format says', () => {
  const { status, stderr } = spawnSync('clang-format', ['--dry-run', '-Werror', ...cFiles], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const offenders = new Set([...stderr.matchAll(/^(\S+?):\d+:\d+: error/gm)].map(([, file]) => file))
  assert.equal(status, 0, `make format would change ${[...offenders].join(' ') || stderr}`)
})

test('scripts parse', () => {
  const scripts = [...filesBelow('scripts'), ...filesBelow('bench'), '.ci/run']
    .filter((file) => read(file).startsWith('#!/bin/bash'))
  assert.ok(scripts.length >= 4)
  for (const script of scripts) execFileSync('bash', ['-n', join(root, script)])
})

test('the modules that the program knows are those that are fetched', () => {
  const fetched = read('scripts/modules.sha256')
  const rows = [...read('src/node/known_modules.c').matchAll(/"(\w+)",\s*"[\w-]{43}",\s*"([0-9a-f]{64})"/g)]
  assert.equal(rows.length, fetched.trim().split('\n').length)
  assertNone(rows.filter(([, name, sha256]) => !fetched.includes(`${sha256}  ${name}.wasm\n`)).map(([, name]) => name))
})

test('modules are checked, never committed', () => {
  const tracked = execFileSync('git', ['-C', root, 'ls-files'], { encoding: 'utf8' }).split('\n')
  assertNone(tracked.filter((file) => read('scripts/modules.sha256').includes(` ${basename(file)}\n`) && file))
})
