// The metering formats through a whole network: gas in the result, and what happens when it runs out.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { network } from './support/network.mjs'
import { resultOf, sendMessage, spawnProcess, tag, uploadModule } from './support/aos.mjs'
import { smallest32, smallest64 } from './support/modules.mjs'

const message_gas = 1958
let net

before(async () => { net = await network() })
after(() => net?.stop())

for (const [format, wasm] of [
  ['wasm64-unknown-emscripten-draft_2024_10_16-metering', smallest64],
  ['wasm32-unknown-emscripten-metering', smallest32],
]) {
  describe(format, () => {
    let module
    before(async () => { module = await uploadModule(net, format, wasm) })

    test('each message tells the gas that it used', async () => {
      const process = await spawnProcess(net, { module })
      const message = await sendMessage(net, process)
      for (const id of [process, message]) {
        const { Output, GasUsed } = await resultOf(net, process, id)
        assert.deepEqual({ Output, GasUsed }, { Output: 'metered', GasUsed: message_gas })
      }
    })

    test('H53 the Compute-Limit of a process may be used, not exceeded', async () => {
      const limited = (gas) => spawnProcess(net, { module, tags: [tag('Compute-Limit', String(gas))] })
      const [enough, short] = [await limited(message_gas), await limited(message_gas - 1)]
      assert.equal((await resultOf(net, enough, enough)).GasUsed, message_gas)
      assert.equal((await resultOf(net, short, short)).Error, 'out of gas!')
    })
  })
}

test('H15 the same module without metering uses no gas', async () => {
  const module = await uploadModule(net, 'wasm64-unknown-emscripten-draft_2024_02_15', smallest64)
  const process = await spawnProcess(net, { module })
  assert.equal((await resultOf(net, process, process)).GasUsed, 0)
})
