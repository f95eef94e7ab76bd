// Whatever a stranger sends to the gateway, the answer is no 5xx and the gateway goes on.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startGateway } from './support/gateway.mjs'
import { getJson, request } from './support/network.mjs'

let gateway
before(async () => { gateway = await startGateway({ args: ['--bundler-port', '0'] }) })
after(() => gateway?.stop())

const words = [
  '0', '-1', '1', '18446744073709551615', '18446744073709551616', '1e9', 'x', 'A'.repeat(42), 'A'.repeat(43), '_'.repeat(43),
  'A'.repeat(44), 'A'.repeat(64), 'A'.repeat(5000), '%00', '%ff%fe', '..', '%2e%2e%2f', "';--", '{}', 'data.', 'data.x', 'tags',
]
const shapes = [
  '/:', '/:/:', '/raw/:', '/tx/:', '/tx/:/status', '/tx/:/offset', '/tx/:/data', '/tx/:/:', '/chunk/:', '/block/height/:',
  '/block/hash/:', '/price/:', '/price/:/:', '/wallet/:/balance', '/wallet/:/last_tx', '/mint/:/:', '/graphql/:',
]
const bodies = [
  '', '{', '{}', '[]', 'null', '"x"', '1', '[[[[[[', `${'['.repeat(5000)}`, '{"format":2}', '{"id":1}', '{"query":1}', '{"query":"{"}',
  '{"data_root":"","data_path":"","chunk":"","data_size":"1","offset":"1"}',
  `{"format":2,"id":"${'A'.repeat(43)}","owner":"AAAA","signature":"AAAA","tags":[{}]}`,
  `{"format":2,"id":"${'A'.repeat(43)}","owner":"","signature":"AAAA","data_size":"99999999999999999999"}`,
  `{"format":1,"id":"${'A'.repeat(43)}","owner":"${'A'.repeat(683)}","signature":"${'A'.repeat(683)}","data":"AAAA"}`,
  `{"address":"${'A'.repeat(43)}","balance":1e300}`, `{"address":"${'A'.repeat(43)}","balance":"99999999999999999999999999999999999"}`,
  Buffer.alloc(1000, 255), Buffer.alloc(300_000, 1),
]
const types = ['application/json', 'application/octet-stream', 'text/plain', undefined]

const expectAnswer = async (what, promise) => {
  const { status } = await promise
  assert.ok(status < 500, `${what}: ${status}`)
}

test('paths', async () => {
  for (const url of [gateway.ar, gateway.bundler]) {
    for (const shape of shapes) {
      for (const word of words) {
        const path = shape.replaceAll(':', word)
        await expectAnswer(path.slice(0, 100), request(url + path))
      }
    }
  }
})

test('bodies', async () => {
  for (const path of ['/tx', '/tx/arweave', '/v1/tx', '/chunk', '/graphql', '/wallet']) {
    for (const type of types) {
      for (const body of bodies) {
        const headers = type ? { 'Content-Type': type } : {}
        await expectAnswer(`${path} ${type} ${String(body).slice(0, 50)}`, request(gateway.ar + path, { method: 'POST', headers, body }))
      }
    }
  }
})

test('methods', async () => {
  for (const method of ['PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']) {
    for (const path of ['/', '/tx', '/tx/x', `/tx/${'A'.repeat(43)}`, '/chunk', '/wallet/x/balance', '/graphql', '/mine']) {
      await expectAnswer(`${method} ${path}`, request(gateway.ar + path, { method }))
    }
  }
})

test('after all of it the gateway answers', async () => {
  assert.equal((await getJson(`${gateway.ar}/info`)).network, 'aod.LN.1')
  assert.ok(gateway.run.isRunning())
})
