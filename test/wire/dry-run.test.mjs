// Dry runs look at a process while it goes on: each sees the state after some message, whole, and
// none holds the messages up.
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { after, before, test } from 'node:test'
import { addressOf } from './support/items.mjs'
import { network } from './support/network.mjs'
import { evaluate, peek, printed, resultOf, sendMessage, spawnProcess, tag, testWallet } from './support/aos.mjs'

const owner = addressOf(testWallet)
let net
before(async () => { net = await network() })
after(() => net.stop())

// A thousand numbers that every message increases by one, all over the heap.
const setup = `
  Cells = {}
  for i = 1, 1000 do Cells[i] = { 0, string.rep('x', 60) .. i } end
  Handlers.add('Step', 'Step', function () for _, cell in ipairs(Cells) do cell[1] = cell[1] + 1 end end)`
const read = `
  for _, cell in ipairs(Cells) do if cell[1] ~= Cells[1][1] then return 'torn' end end
  return tostring(Cells[1][1])`

const step = async (process) => {
  const id = await sendMessage(net, process, { tags: [tag('Action', 'Step')] })
  const { Error: error } = await resultOf(net, process, id)
  assert.equal(error, undefined)
}

test('dry runs beside messages see whole states, and never an older one than was answered', async () => {
  const process = await spawnProcess(net)
  await printed(net, process, setup)
  let steps = 0
  let ended = false
  const reader = async () => {
    let reads = 0
    for (; !ended; reads++) {
      const known = steps
      const seen = Number(await peek(net, process, read, owner))
      assert.ok(seen >= known && seen <= 20, `${seen} after ${known} of 20`)
    }
    return reads
  }
  const readers = Promise.all(Array.from({ length: 6 }, reader))
  const writer = async () => {
    for (; steps < 20; steps++) await step(process)
    ended = true
  }
  const [reads] = await Promise.all([readers, writer().finally(() => { ended = true })])
  for (const count of reads) assert.ok(count > 0)
  assert.equal(await peek(net, process, read, owner), '20')
})

const lasting = (rounds) => `for i = 1, ${rounds} do local _ = i * i end`

// False when the dry run was too short to tell.
async function outlive(rounds) {
  const process = await spawnProcess(net)
  await printed(net, process, setup)
  await step(process)
  let answered = false
  const long = peek(net, process, `local seen = Cells[500][1]
    ${lasting(rounds)}
    return seen .. ' ' .. Cells[500][1]`, owner).then((text) => {
    answered = true
    return text
  })
  await peek(net, process, read, owner) // behind it, on another reader
  assert.equal(await peek(net, process, read, owner), '1')
  for (let i = 0; i < 3; i++) await step(process)
  assert.equal(await peek(net, process, read, owner), '4')
  const outlived = !answered
  assert.equal(await long, '1 1')
  await step(process)
  assert.equal(await peek(net, process, read, owner), '5')
  return outlived
}

test('a dry run that lasts keeps nobody waiting, and answers what was when it began', async () => {
  assert.ok(await outlive(2e7) || await outlive(1e8) || await outlive(5e8), 'it was waited for')
})

// False when the dry runs were too short to tell.
async function passAll(rounds) {
  const [busy, other] = [await spawnProcess(net), await spawnProcess(net)]
  await printed(net, busy, 'return 1')
  await printed(net, other, 'Kept = 1; return 1')
  let answered = 0
  const long = Array.from({ length: 2 * availableParallelism() }, () =>
    peek(net, busy, `${lasting(rounds)} return 'done'`, owner).finally(() => { answered++ }))
  for (let i = 0; i < 20; i++) assert.equal(await peek(net, other, 'return Kept', owner), '1') // they run by then
  const passed = answered === 0
  assert.deepEqual(await Promise.all(long), long.map(() => 'done'))
  return passed
}

test('the dry runs of one process, however many and long, leave a place for those of others', async () => {
  assert.ok(await passAll(2e7) || await passAll(1e8) || await passAll(5e8), 'they were waited for')
})

test('what a dry run does is gone, for the next one and for messages', async () => {
  const process = await spawnProcess(net)
  await printed(net, process, 'Kept = 1')
  assert.equal(await peek(net, process, 'Kept = Kept + 1; return tostring(Kept)', owner), '2')
  assert.equal(await peek(net, process, 'Kept = Kept + 1; return tostring(Kept)', owner), '2')
  const { Error: error } = await evaluate(net, process, 'Kept = Kept + 10')
  assert.equal(error, undefined)
  assert.equal(await peek(net, process, 'return tostring(Kept)', owner), '11')
})
