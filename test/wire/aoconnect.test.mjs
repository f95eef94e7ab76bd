// aoconnect 0.0.98, unmodified, knowing only MU_URL, CU_URL, GATEWAY_URL and a wallet that it has just
// generated, with real aos modules of both pointer sizes. Statements E1-E4, E11, E12.
import './support/webcrypto.mjs'
import { connect, createDataItemSigner, serializeCron } from '@permaweb/aoconnect'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, network, request } from './support/network.mjs'
import { addressOf, generateWallet, sha256, tag, unknownId } from './support/items.mjs'

const wallet = generateWallet()
const owner = addressOf(wallet)
const signer = createDataItemSigner(wallet)
const evalTags = [tag('Action', 'Eval')]
let net, ao

before(async () => {
  net = await network()
  ao = connect({ MODE: 'legacy', MU_URL: net.mu, CU_URL: net.cu, GATEWAY_URL: net.ar })
})
after(() => net?.stop())

const spawn = (module, { tags = [], data } = {}) =>
  ao.spawn({ module, scheduler: net.scheduler, signer, data, tags: [tag('Authority', net.authority), ...tags] })

async function evaluate(process, code) {
  const message = await ao.message({ process, signer, tags: evalTags, data: code })
  return ao.result({ process, message })
}

const peek = async (process, code) =>
  (await ao.dryrun({ process, Owner: owner, tags: evalTags, data: code })).Output.data

for (const [abi, module] of [['64', () => net.module64], ['32', () => net.module32]]) {
  describe(`aoconnect, ${abi}-bit aos`, () => {
    let process
    before(async () => { process = await spawn(module(), { tags: [tag('Name', 'first')] }) })

    test('E1 spawn gives the process\'s id, and it answers at once', async () => {
      assert.match(process, /^[A-Za-z0-9_-]{43}$/)
      const boot = await ao.result({ process, message: process })
      assert.equal(boot.Error, undefined)
    })

    test('E1 E3 message and result: an expression is evaluated', async () => {
      const { Output, Messages, Spawns, Assignments } = await evaluate(process, 'return 6 * 7')
      assert.equal(Output.data, '42')
      assert.match(Output.prompt, /aos/)
      assert.deepEqual([Messages, Spawns, Assignments], [[], [], []])
    })

    test('E1 a handler, added by an Eval, answers a message', async () => {
      await evaluate(process, `Handlers.add('greet', 'Greet', function (msg)
        msg.reply({ Action = 'Greeting', Data = 'Hello, ' .. msg.Data .. '!' }) end)`)
      const message = await ao.message({ process, signer, tags: [tag('Action', 'Greet')], data: 'aod' })
      const { Messages: [reply] } = await ao.result({ process, message })
      assert.equal(reply.Target, owner)
      assert.equal(reply.Data, 'Hello, aod!')
      assert.equal(reply.Tags.find(({ name }) => name === 'Action').value, 'Greeting')
    })

    test('E1 results, page by page, forwards and backwards', async () => {
      const process = await spawn(module())
      for (let i = 1; i <= 6; i++) await evaluate(process, `return ${i}`)
      const seen = []
      for (let from; ;) {
        const { edges } = await ao.results({ process, from, limit: 3, sort: 'ASC' })
        if (edges.length === 0) break
        seen.push(...edges.map(({ node }) => node.Output.data))
        from = edges.at(-1).cursor
      }
      assert.deepEqual(seen.slice(1), ['1', '2', '3', '4', '5', '6'], 'the boot evaluation comes first')
      const { edges } = await ao.results({ process, limit: 2, sort: 'DESC' })
      assert.deepEqual(edges.map(({ node }) => node.Output.data), ['6', '5'])
    })

    test('E1 a dry run shows the state and does not change it', async () => {
      await evaluate(process, 'Balance = 100')
      assert.equal(await peek(process, 'Balance = Balance - 1; return Balance'), '99')
      assert.equal(await peek(process, 'return Balance'), '100')
      const stranger = await ao.dryrun({ process, tags: evalTags, data: 'return Balance' })
      assert.notEqual(stranger.Output.data, '100', 'an Eval of somebody else')
    })

    test('E1 E4 assign brings a message of another process', async () => {
      const other = await spawn(module())
      await evaluate(process, `ao.addAssignable('any', function () return true end)
        Handlers.add('note', 'Note', function (msg) Noted = msg.Data .. ' for ' .. msg.Target end)`)
      const message = await ao.message({ process: other, signer, tags: [tag('Action', 'Note')], data: 'something' })
      const assignment = await ao.assign({ process, message })
      const result = await ao.result({ process, message: assignment })
      assert.equal(result.Error, undefined)
      assert.equal(await peek(process, 'return Noted'), `something for ${other}`)
    })

    test('E11 one process asks another and gets its answer', async () => {
      const other = await spawn(module())
      await evaluate(other, `Handlers.add('double', 'Double', function (msg)
        msg.reply({ Data = tostring(2 * tonumber(msg.Data)) }) end)`)
      await evaluate(process, `Doubled = Send({ Target = '${other}', Action = 'Double', Data = '21' }).receive().Data`)
      await eventually('the answer is back', async () => (await peek(process, 'return Doubled')) === '42')
    })

    test('E12 a process spawns another and talks to it', async () => {
      await evaluate(process, `
        Kid = Spawn('${module()}', { Authority = '${net.authority}', ['On-Boot'] = 'Data',
          Data = [[Handlers.add('who', 'Who', function (msg) msg.reply({ Data = 'child of ' .. msg.From }) end)]],
        }).receive().Process
        KidSays = Send({ Target = Kid, Action = 'Who' }).receive().Data`)
      await eventually('the child has answered', async () => (await peek(process, 'return KidSays')) === `child of ${process}`)
      assert.match(await peek(process, 'return Kid'), /^[A-Za-z0-9_-]{43}$/)
    })

    test('E13 a process that does not know the MU does not handle its messages', async () => {
      const distrustful = await ao.spawn({ module: module(), scheduler: net.scheduler, signer })
      await evaluate(process, `Send({ Target = '${distrustful}', Action = 'Hello' })`)
      const page = await eventually('the message is evaluated', async () => {
        const { edges } = await ao.results({ process: distrustful })
        return edges.length > 1 && edges
      })
      assert.match(JSON.stringify(page.at(-1).node.Output), /Message is not trusted!/)
    })
  })
}

test('E1 a message signed beforehand is sent as it is', async () => {
  const process = await spawn(net.module64)
  const signed = await ao.signMessage({ process, signer, tags: evalTags, data: 'return "signed"' })
  assert.equal(signed.id, sha256(Buffer.from(signed.raw).subarray(2, 514)).toString('base64url'))
  assert.equal(await ao.sendSignedMessage(signed), signed.id)
  assert.equal((await ao.result({ process, message: signed.id })).Output.data, 'signed')
})

test('E2 spawn refuses a module that is none before it contacts the MU', async () => {
  const process = await spawn(net.module64)
  await eventually('the gateway knows the process', async () => (await request(`${net.ar}/raw/${process}`)).status === 200)
  await assert.rejects(spawn(process), /Tag 'Type': value 'Module' was not found on module/)
  await assert.rejects(spawn(unknownId))
})

test('cron tags do no harm', async () => {
  const process = await spawn(net.module64, { tags: serializeCron({ interval: '1-hour', tags: [tag('Action', 'Tick')] }) })
  assert.equal((await evaluate(process, 'return 1')).Output.data, '1')
})
