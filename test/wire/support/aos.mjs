// Processes of real aos modules over plain HTTP: what a client library sends, without one, so that
// a test sees every status and every byte.
import assert from 'node:assert/strict'
import { eventually, getJson, postItem, request } from './network.mjs'
import { signItem, tag, testWallet, valueOf } from './items.mjs'

export const messageTags = (...tags) =>
  [...tags, tag('Data-Protocol', 'ao'), tag('Variant', 'ao.TN.1'), tag('Type', 'Message')]

export const processTags = (net, { module = net.module64, tags = [] } = {}) => [
  ...tags,
  tag('Authority', net.authority),
  tag('Data-Protocol', 'ao'),
  tag('Variant', 'ao.TN.1'),
  tag('Type', 'Process'),
  tag('Module', module),
  tag('Scheduler', net.scheduler),
]

// Sign, post to the messenger, insist that it was accepted; answers the item's id.
async function submit(net, item) {
  const { id, raw } = await signItem(item)
  const answer = await postItem(net.mu, raw)
  assert.equal(answer.status, 202, answer.text)
  assert.equal(answer.json.id, id)
  return id
}

// Uploads a module; answers its id.
export async function uploadModule(net, format, wasm) {
  const tags = Object.entries({
    'Data-Protocol': 'ao',
    Type: 'Module',
    'Module-Format': format,
    'Input-Encoding': 'JSON-V1',
    'Output-Encoding': 'JSON-V1',
    'Memory-Limit': '1-gb',
    'Compute-Limit': '9000000000000',
  }).map(([name, value]) => tag(name, value))
  const { id, raw } = await signItem({ tags, data: wasm })
  const { status, text } = await postItem(`${net.bundler}/tx`, raw)
  assert.equal(status, 200, text)
  return id
}

export const spawnProcess = (net, { wallet, data, ...rest } = {}) =>
  submit(net, { wallet, data, tags: processTags(net, rest) })

export const sendMessage = (net, process, { wallet, tags = [], data, anchor } = {}) =>
  submit(net, { wallet, target: process, anchor, data, tags: messageTags(...tags) })

export const resultOf = (net, process, message) =>
  getJson(`${net.cu}/result/${message}?process-id=${process}`)

export const outputOf = ({ Output }) => Output?.data?.output ?? Output?.data ?? Output

// Evaluate Lua in a process as its owner; answers the whole result.
export async function evaluate(net, process, code, { wallet } = {}) {
  const id = await sendMessage(net, process, { wallet, tags: [tag('Action', 'Eval')], data: code })
  return { id, ...(await resultOf(net, process, id)) }
}

// Evaluate and answer what was printed; an Error fails the test.
export async function printed(net, process, code, options) {
  const result = await evaluate(net, process, code, options)
  assert.equal(result.Error, undefined, JSON.stringify(result.Error))
  return outputOf(result)
}

export const dryRun = (net, process, body, query = '') =>
  request(`${net.cu}/dry-run?process-id=${process}${query}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })

// Read state as its owner would, without leaving a trace.
export async function peek(net, process, code, owner) {
  const { json } = await dryRun(net, process, { Owner: owner, Data: code, Tags: [tag('Action', 'Eval')] })
  assert.equal(json.Error, undefined, JSON.stringify(json.Error))
  return outputOf(json)
}

// The schedule of a process, complete, as nodes { message, assignment }.
export async function schedule(net, process) {
  const nodes = []
  for (let from = ''; ;) {
    const page = await getJson(`${net.su}/${process}?process-id=${process}&limit=1000${from}`)
    nodes.push(...page.edges.map(({ node }) => node))
    if (!page.page_info.has_next_page) return nodes
    from = `&from=${page.edges.at(-1).cursor}`
  }
}

export const assignmentTag = (node, name) => valueOf(node.assignment.tags, name)

// The first scheduled message of a process that fits, as soon as there is one.
export const arrival = (net, process, fits, what = 'a message arrives') =>
  eventually(`${what} at ${process}`, async () =>
    (await schedule(net, process)).find(({ message }) => message && fits(message)))

// A probe is an aos process whose handle does what a test says. A message whose data is a whole
// answer, as handle returns it, is answered so; for any other, the output is what handle was given:
// { message, env }, both JSON texts.
const probe = `
local json = require('json')
handle = function(message, env)
  local data = json.decode(message).Data
  if type(data) == 'string' and data:sub(1, 5) == '{"ok"' then return data end
  return json.encode({ ok = true, response = {
    Output = { message = message, env = env }, Messages = {}, Spawns = {}, Assignments = {} } })
end`

export async function spawnProbe(net, options) {
  const process = await spawnProcess(net, options)
  await printed(net, process, probe, options)
  return process
}

export const answer = (response) => JSON.stringify({ ok: true, response })
const outbox = { Output: '', Messages: [], Spawns: [], Assignments: [] }

// Let a probe emit these outbox entries; answers the id of the message that made it do so.
export async function emit(net, process, entries, options = {}) {
  const id = await sendMessage(net, process, { ...options, data: answer({ ...outbox, ...entries }) })
  const result = await resultOf(net, process, id)
  assert.equal(result.Error, undefined, JSON.stringify(result))
  return id
}

let references = 0
// An outbox message as aos makes one: a 32-digit anchor that no other entry has.
export const entry = (target, { tags = [], data, anchor } = {}) => ({
  Target: target,
  Anchor: anchor ?? String(++references).padStart(32, '0'),
  Tags: tags,
  ...(data === undefined ? {} : { Data: data }),
})

// What a probe was given with a message.
export async function given(net, process, message) {
  const { Output, Error } = await resultOf(net, process, message)
  assert.equal(Error, undefined, JSON.stringify(Error))
  return { messageText: Output.message, message: JSON.parse(Output.message), env: JSON.parse(Output.env) }
}

export { tag, testWallet, valueOf }
