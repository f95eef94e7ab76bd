// The mistakes that a newcomer makes: each is answered clearly, in the shape that aoconnect expects,
// and the network goes on serving.
import './support/webcrypto.mjs'
import { connect, createDataItemSigner } from '@permaweb/aoconnect'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { assertRefused, network, postItem, request, runProgram, temporaryFolder } from './support/network.mjs'
import { evaluate, messageTags, printed, resultOf, sendMessage, spawnProcess, tag, testWallet } from './support/aos.mjs'
import { signItem, unknownId } from './support/items.mjs'

const signer = createDataItemSigner(testWallet)
let net, ao, process

before(async () => {
  net = await network()
  ao = connect({ MODE: 'legacy', MU_URL: net.mu, CU_URL: net.cu, GATEWAY_URL: net.ar })
  process = await spawnProcess(net)
})
after(() => net?.stop())
afterEach(async () => assert.equal(await printed(net, process, 'return "still here"'), 'still here'))

describe('unknown ids', () => {
  test('a message to an unknown process: aoconnect rejects with what the MU says', async () => {
    await assert.rejects(ao.message({ process: unknownId, signer, data: 'hi' }), (error) => {
      assert.match(error.message, /^[45]\d\d: \{"error":/)
      assert.ok(error.message.includes(unknownId), 'the message names the process')
      return true
    })
  })

  test('the result of an unknown message, or in an unknown process: an error, soon', async () => {
    for (const ids of [{ process, message: unknownId }, { process: unknownId, message: unknownId }]) {
      const began = Date.now()
      const result = await ao.result(ids)
      assert.equal(typeof result.error, 'string')
      assert.ok(Date.now() - began < 5000)
    }
  })

  test('a dry run on an unknown process', async () => {
    assert.equal(typeof (await ao.dryrun({ process: unknownId })).error, 'string')
  })

  test('a spawn from an unknown module', async () => {
    await assert.rejects(ao.spawn({ module: unknownId, scheduler: net.scheduler, signer }))
    // A client that does not look first learns it from the first result.
    const process = await spawnProcess(net, { module: unknownId })
    assertRefused(await request(`${net.cu}/result/${process}?process-id=${process}`), new RegExp(unknownId))
  })

  test('ids that cannot be ids', async () => {
    for (const id of ['short', '../../etc/passwd', '%00', 'ü'.repeat(43), 'a'.repeat(5000)]) {
      assertRefused(await request(`${net.cu}/result/${encodeURIComponent(id)}?process-id=${process}`))
      assertRefused(await request(`${net.su}/${encodeURIComponent(id)}?process-id=${process}`))
      assertRefused(await request(`${net.cu}/result/${unknownId}?process-id=${encodeURIComponent(id)}`))
    }
  })
})

describe('items', () => {
  const refused = async (raw) =>
    assertRefused(await postItem(net.mu, raw), /A valid and signed data item must be provided as the body/)

  test('an unsigned item', async () => {
    const { raw } = await signItem({ target: process, tags: messageTags() })
    await refused(Buffer.concat([raw.subarray(0, 2), Buffer.alloc(512), raw.subarray(514)]))
  })

  test('an item that somebody changed, wherever', async () => {
    const { raw } = await signItem({ target: process, anchor: 'a'.repeat(32), tags: messageTags(tag('Action', 'Pay')), data: '100' })
    // in turn: signature type, signature, owner, target, anchor, tags, data
    for (const at of [0, 2, 513, 514, 1025, 1030, 1065, 1120, raw.length - 1]) {
      const changed = Buffer.from(raw)
      changed[at] ^= 1
      await refused(changed)
    }
  })

  test('an item cut off anywhere, or with something after it', async () => {
    const { raw } = await signItem({ target: process, tags: messageTags(tag('Action', 'Pay')), data: '100' })
    for (const length of [1, 2, 80, 513, 1026, 1027, 1060, 1080, raw.length - 1]) await refused(raw.subarray(0, length))
    await refused(Buffer.concat([raw, Buffer.from('!')]))
  })
})

describe('modules', () => {
  const moduleTags = [tag('Data-Protocol', 'ao'), tag('Variant', 'ao.TN.1'), tag('Type', 'Module'),
    tag('Module-Format', 'wasm64-unknown-emscripten-draft_2024_02_15'), tag('Input-Encoding', 'JSON-1'),
    tag('Output-Encoding', 'JSON-1'), tag('Memory-Limit', '1-gb'), tag('Compute-Limit', '9000000000000')]

  const bytes = {
    'no Wasm at all': Buffer.from('#!/bin/sh\necho hello\n'),
    'a Wasm header and then nothing true': Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    'a valid module without handle and memory': Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
  }
  for (const [what, data] of Object.entries(bytes)) {
    test(`${what}: the result says so`, async () => {
      const { id: module, raw } = await signItem({ tags: moduleTags, data })
      const upload = await postItem(`${net.bundler}/tx`, raw)
      assert.equal(upload.status, 200, upload.text)
      const broken = await ao.spawn({ module, scheduler: net.scheduler, signer })
      const { error, Error: failure } = await ao.result({ process: broken, message: broken })
      assert.match(String(error ?? failure), /wasm|module/i)
    })

    if (data.length > 8) test(`${what}: aod dev --module refuses to start and names the file`, async () => {
      const file = join(temporaryFolder(), 'broken.wasm')
      writeFileSync(file, data)
      const run = runProgram(['dev', '--port-base', '0', '--module', file])
      const { code } = await run.ended
      assert.ok(code > 0, `exit ${code}`)
      assert.ok(run.err.includes(file), run.err)
    })
  }
})

for (const [abi, module] of [['64', () => net.module64], ['32', () => net.module32]]) {
  describe(`Lua, ${abi}-bit aos`, () => {
    // After a message that failed, one of the modules first prints that it missed a nonce.
    const lastPrinted = async (process, code) => (await printed(net, process, code)).split('\n').at(-1)

    test('an error, a syntax error and a stack overflow are in Error, with their text', async () => {
      const process = await spawnProcess(net, { module: module() })
      for (const [code, text] of [
        ['local t = nil; return t.x', /attempt to index a nil value/],
        ['error("my own words")', /my own words/],
        ['for', /<name> expected|unexpected symbol/],
        ['local function f() return 1 + f() end; return f()', /stack overflow/],
      ]) {
        const { Error: error, Messages = [] } = await evaluate(net, process, code)
        assert.match(error, text)
        assert.deepEqual(Messages, [])
        assert.equal(await lastPrinted(process, 'return 1 + 1'), '2')
      }
    })

    test('memory that grows without end is refused, not taken', async () => {
      const process = await spawnProcess(net, { module: module() })
      const { Error: error } = await evaluate(net, process, 'local t = {}; for i = 1, 1e9 do t[i] = string.rep("x", 1e6) .. i end')
      assert.match(error, /not enough memory/)
      assert.equal(await lastPrinted(process, 'return 1 + 1'), '2')
    })

    test('an endless loop is cut off at the compute limit, and the process lives on', async () => {
      const process = await spawnProcess(net, { module: module(), tags: [tag('Compute-Limit', '100000000000')] })
      await printed(net, process, 'Kept = "kept"')
      const id = await sendMessage(net, process, { tags: [tag('Action', 'Eval')], data: 'Kept = "lost"; while true do end' })
      const { Error: error } = await resultOf(net, process, id)
      assert.match(error, /out of gas|compute|limit/i)
      assert.equal(await lastPrinted(process, 'return Kept'), 'kept')
    })
  })
}

describe('requests', () => {
  test('JSON that is none, and the wrong method', async () => {
    assertRefused(await request(`${net.cu}/dry-run?process-id=${process}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"Owner": ',
    }))
    assert.ok((await request(`${net.cu}/result/${unknownId}?process-id=${process}`, { method: 'DELETE' })).status >= 400)
  })

  test('GraphQL that does not parse', async () => {
    for (const body of ['', '{', '{"query": 5}', '{"query":"query { transactions("}', '{"query":"{ nothing }"}']) {
      const { status, json } = await request(`${net.ar}/graphql`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
      assert.ok(status >= 400 || Array.isArray(json.errors), `${status} for ${body}`)
    }
  })
})
