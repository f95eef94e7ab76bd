// The tools of the command line, against the vectors and against other implementations: what the
// program says, where it says it, and how it exits.
import { ArweaveSigner, bundleAndSignData, createData, DataItem, deepHash, EthereumSigner, unbundleData } from '@dha-team/arbundles'
import Arweave from 'arweave'
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { existsSync, openSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { program, root, temporaryFolder } from './support/network.mjs'
import { bytesOf, readWallet, testWallet } from './support/items.mjs'

const folder = temporaryFolder()
const walletFile = join(root, 'test/vectors/arweave/wallet-1.TEST-ONLY.jwk.json')
const vectors = (name) => JSON.parse(readFileSync(join(root, 'test/vectors/arweave', `${name}.json`), 'utf8')).cases
const sha256hex = (bytes) => createHash('sha256').update(bytes).digest('hex')
const arweave = Arweave.init({})

let files = 0
function fileOf(bytes) {
  const file = join(folder, `input-${++files}`)
  writeFileSync(file, bytes)
  return file
}

// Run a tool with bytes on stdin: { code, out, err, json }.
function aod(args, input = Buffer.alloc(0)) {
  const { status, stdout, stderr } = spawnSync(program, args, { input, maxBuffer: 1 << 28 })
  const run = { code: status, out: stdout.toString(), err: stderr.toString() }
  try {
    run.json = JSON.parse(run.out)
  } catch {
    // not every answer is JSON
  }
  return run
}

function yes(args, input) {
  const run = aod(args, input)
  assert.equal(run.code, 0, `aod ${args.join(' ')}: ${run.err}`)
  assert.equal(run.err, '')
  return run.json
}

// The answer is no: an exit code, the reason on stderr, and the same in the JSON.
function no(args, input, pattern = /./) {
  const run = aod(args, input)
  assert.equal(run.code, 2, `aod ${args.join(' ')} exits with ${run.code}: ${run.out}`)
  assert.match(run.err, pattern)
  assert.equal(run.json.valid, false)
  assert.ok(run.err.includes(run.json.reason), `${run.err} does not give ${run.json.reason}`)
  return run.json
}

function refused(args, input, code, pattern) {
  const run = aod(args, input)
  assert.equal(run.code, code, `aod ${args.join(' ')}: ${run.err}`)
  assert.equal(run.out, '')
  assert.match(run.err, pattern)
}

describe('aod wallet', () => {
  const make = (kind) => {
    const file = join(folder, `wallet-${kind}-${++files}.json`)
    return { file, told: yes(['wallet', 'new', '--kind', kind, '--out', file]) }
  }

  for (const kind of ['rsa', 'ed25519', 'secp256k1']) {
    test(`${kind}: new writes a key for its owner only, show and address tell about it`, () => {
      const { file, told } = make(kind)
      assert.equal(statSync(file).mode & 0o777, 0o600)
      const shown = yes(['wallet', 'show', file])
      assert.equal(shown.kind, kind)
      assert.equal(shown.address, createHash('sha256').update(bytesOf(shown.owner)).digest('base64url'))
      assert.deepEqual({ ...shown, file }, told)
      assert.equal(aod(['wallet', 'address', file]).out, `${shown.address}\n`)
      assert.ok(!aod(['wallet', 'show', file]).out.includes(readWallet(file).d), 'the secret is not shown')
    })

    test(`${kind}: a wallet is never overwritten`, () => {
      const { file } = make(kind)
      const before = readFileSync(file)
      refused(['wallet', 'new', '--kind', kind, '--out', file], '', 3, /never overwritten/)
      assert.deepEqual(readFileSync(file), before)
    })

    test(`${kind}: node's crypto reads the key, and it is the key that is shown`, () => {
      const { file } = make(kind)
      const jwk = readWallet(file)
      const key = createPrivateKey({ key: jwk, format: 'jwk' })
      const message = Buffer.from('message')
      const digest = kind === 'ed25519' ? null : 'sha256'
      assert.ok(verify(digest, message, createPublicKey(key), sign(digest, message, key)))
      const owner = bytesOf(yes(['wallet', 'show', file]).owner)
      const expected = { rsa: () => bytesOf(jwk.n), ed25519: () => bytesOf(jwk.x),
        secp256k1: () => Buffer.concat([Buffer.from([4]), bytesOf(jwk.x), bytesOf(jwk.y)]) }[kind]()
      assert.deepEqual(owner, expected)
    })

    test(`${kind}: without --out the key goes to stdout`, () => {
      const run = aod(['wallet', 'new', '--kind', kind])
      assert.equal(run.code, 0)
      assert.equal(yes(['wallet', 'show', '-'], run.out).kind, kind)
    })

    test(`${kind}: items that it signs verify with arbundles`, async () => {
      const { file } = make(kind)
      const out = join(folder, `item-${++files}`)
      const told = yes(['item', 'sign', '--wallet', file, '--tag', 'Name=a=b', '--out', out], 'payload')
      const item = new DataItem(readFileSync(out))
      assert.ok(await DataItem.verify(item.getRaw()))
      assert.equal(item.id, told.id)
      assert.deepEqual(item.tags, [{ name: 'Name', value: 'a=b' }])
    })
  }

  test('an RSA wallet is a wallet for arweave-js and arbundles', async () => {
    const { file, told } = make('rsa')
    const jwk = readWallet(file)
    assert.equal(await arweave.wallets.jwkToAddress(jwk), told.address)
    const transaction = await arweave.createTransaction({ data: 'x', reward: '1', last_tx: '' }, jwk)
    await arweave.transactions.sign(transaction, jwk)
    assert.ok(await arweave.transactions.verify(transaction))
    const item = createData('x', new ArweaveSigner(jwk))
    await item.sign(new ArweaveSigner(jwk))
    assert.ok(await item.isValid())
    assert.equal(yes(['item', 'verify'], item.getRaw()).id, item.id)
  })

  test("a secp256k1 wallet is ethers' key, with the same address", async () => {
    const { file, told } = make('secp256k1')
    const signer = new EthereumSigner(bytesOf(readWallet(file).d).toString('hex'))
    assert.deepEqual(Buffer.from(signer.publicKey), bytesOf(told.owner))
    assert.match(told.aoAddress, /^0x[0-9a-fA-F]{40}$/)
  })

  test('wallets of arweave-js are read', async () => {
    const jwk = await arweave.wallets.generate()
    const shown = yes(['wallet', 'show', fileOf(JSON.stringify(jwk))])
    assert.equal(shown.kind, 'rsa')
    assert.equal(shown.address, await arweave.wallets.jwkToAddress(jwk))
  })

  test('what is wrong is named', () => {
    refused(['wallet', 'new', '--kind', 'dsa'], '', 64, /dsa/)
    refused(['wallet', 'show'], '', 64, /FILE/)
    refused(['wallet', 'show', join(folder, 'missing.json')], '', 3, /missing\.json/)
    refused(['wallet', 'show', fileOf('{}')], '', 2, /JWK/)
    refused(['wallet', 'show', fileOf(JSON.stringify({ ...testWallet, dp: testWallet.dq }))], '', 2, /dp/)
    refused(['wallet', 'new', '--out', '/no/such/folder/wallet'], '', 7, /no\/such\/folder/)
  })
})

describe('aod item', () => {
  for (const vector of vectors('data_items')) {
    test(`inspect: ${vector.name}`, () => {
      const item = yes(['item', 'inspect'], bytesOf(vector.item_b64))
      assert.equal(item.id, vector.id)
      assert.equal(item.signatureType, vector.signature_type)
      assert.equal(item.owner, vector.owner_b64)
      assert.equal(item.address, vector.owner_sha256_address)
      assert.equal(item.target, vector.target_b64)
      assert.equal(item.anchor, vector.anchor_b64)
      assert.deepEqual(item.tags.map((tag) => [tag.nameBase64url ?? Buffer.from(tag.name).toString('base64url'),
        tag.valueBase64url ?? Buffer.from(tag.value).toString('base64url')]),
      vector.tags.map((tag) => [tag.name_b64, tag.value_b64]))
      assert.equal(item.dataLength, bytesOf(vector.data_b64).length)
      assert.equal(item.dataSha256, sha256hex(bytesOf(vector.data_b64)))
      assert.equal(item.valid, true)
      assert.deepEqual(yes(['item', 'verify', fileOf(bytesOf(vector.item_b64))]), { id: vector.id, valid: true })
    })
  }

  for (const vector of [...vectors('data_items_invalid'), ...vectors('data_items_corner')]) {
    test(`verify: ${vector.name}`, () => {
      const { verdict } = vector.expect
      const bytes = bytesOf(vector.item_b64)
      if (verdict === 'reject') {
        no(['item', 'verify'], bytes)
        no(['item', 'inspect', fileOf(bytes)])
      } else if (verdict === 'accept') {
        yes(['item', 'verify'], bytes)
      } else {
        const { code, json } = aod(['item', 'verify'], bytes)
        assert.equal(code, json.valid ? 0 : 2)
      }
    })
  }

  test('a wrong signature leaves the fields readable', () => {
    const { item_b64, id } = vectors('data_items')[0]
    const raw = bytesOf(item_b64)
    raw[raw.length - 1] ^= 1 // field 9
    const told = no(['item', 'inspect'], raw)
    assert.match(told.reason, /tag|truncated/)
    const item = bytesOf(vectors('data_items').find(({ data_b64 }) => data_b64.length > 8).item_b64)
    item[item.length - 1] ^= 1
    const changed = no(['item', 'inspect'], item, /signature/)
    assert.equal(changed.signatureType, 1)
    assert.ok(changed.id && changed.id !== id)
  })

  test('sign: every field, from a file and from stdin, in the JSON and in a file', async () => {
    const target = 'c_j6TWgruu_q41dtPSqaTzcC2-3mRHKwWR6dYiqexNQ'
    const anchor = '01234567890123456789012345678901'
    const fields = ['--wallet', walletFile, '--target', target, '--anchor', anchor, '--tag', 'A=1', '--tag', 'A=2', '--tag', 'Empty=']
    const told = yes(['item', 'sign', ...fields, fileOf('data')])
    const item = new DataItem(bytesOf(told.raw))
    assert.ok(await item.isValid())
    assert.equal(item.id, told.id)
    assert.equal(item.getRaw().length, told.length)
    assert.equal(item.target, target)
    assert.equal(item.rawAnchor.toString(), anchor)
    assert.deepEqual(item.tags, [{ name: 'A', value: '1' }, { name: 'A', value: '2' }, { name: 'Empty', value: '' }])
    assert.equal(item.rawData.toString(), 'data')
    const raw = spawnSync(program, ['item', 'sign', ...fields, '--out', '-'], { input: 'data' }).stdout
    assert.ok(await DataItem.verify(raw))
  })

  test('an anchor may be any 32 bytes, as base64url', () => {
    const anchor = createHash('sha256').update('anchor').digest('base64url')
    const { raw } = yes(['item', 'sign', '--wallet', walletFile, '--anchor', anchor], 'x')
    assert.equal(yes(['item', 'inspect'], bytesOf(raw)).anchor, anchor)
  })

  test('sign: what is wrong is named, and nothing is printed', () => {
    refused(['item', 'sign'], 'x', 64, /--wallet/)
    refused(['item', 'sign', '--wallet', walletFile, '--tag', 'novalue'], 'x', 64, /novalue/)
    refused(['item', 'sign', '--wallet', walletFile, '--tag', '=value'], 'x', 2, /name/)
    refused(['item', 'sign', '--wallet', walletFile, '--tag', `A=${'x'.repeat(3073)}`], 'x', 2, /3072/)
    refused(['item', 'sign', '--wallet', walletFile, '--target', 'short'], 'x', 64, /--target/)
    refused(['item', 'sign', '--wallet', walletFile, '--anchor', 'short'], 'x', 64, /--anchor/)
    refused(['item', 'sign', '--wallet', walletFile, join(folder, 'missing')], 'x', 3, /missing/)
  })

  test('large items are signed and verified in bounded memory', async () => {
    const size = 300 << 20
    const data = fileOf(''), out = join(folder, 'large.item')
    truncateSync(data, size)
    const wallet = join(folder, 'quick.json')
    yes(['wallet', 'new', '--kind', 'ed25519', '--out', wallet])
    const peak_kib = async (args, stdin = 'ignore') => {
      const child = spawn(program, args, { stdio: [stdin, 'pipe', 'inherit'] })
      let peak = 0, told = ''
      child.stdout.on('data', (chunk) => { told += chunk })
      const watch = setInterval(() => {
        try {
          peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0))
        } catch {
          // it has just ended
        }
      }, 10)
      await new Promise((resolve) => child.on('close', resolve))
      clearInterval(watch)
      return { peak, json: JSON.parse(told) }
    }
    const signed = await peak_kib(['item', 'sign', '--wallet', wallet, '--out', out, data])
    assert.ok(signed.peak < 60_000, `${signed.peak} KiB to sign`)
    for (const { peak, json } of [await peak_kib(['item', 'inspect', out]), await peak_kib(['item', 'inspect'], openSync(out))]) {
      assert.deepEqual([json.valid, json.id, json.dataLength], [true, signed.json.id, size])
      assert.ok(peak > 0 && peak < 60_000, `${peak} KiB to verify`)
    }
  })
})

describe('aod bundle', () => {
  for (const vector of vectors('bundles').filter(({ bundle_b64 }) => bundle_b64)) {
    test(`inspect: ${vector.name}`, () => {
      const told = yes(['bundle', 'inspect'], bytesOf(vector.bundle_b64))
      assert.equal(told.count, vector.count)
      const top = told.items.filter((item) => !item.bundledIn)
      assert.deepEqual(top.map(({ id, offset, length }) => ({ id, offset, size: length })),
        vector.items.map(({ id, offset, size }) => ({ id, offset, size })))
      if (vector.nested) {
        const { id } = vector.items[vector.nested.index]
        assert.deepEqual(told.items.filter((item) => item.bundledIn === id).map((item) => item.id), vector.nested.inner_ids)
      }
      assert.deepEqual(yes(['bundle', 'verify', fileOf(bytesOf(vector.bundle_b64))]).problems, [])
    })
  }

  test('a bundle inside an item, as schedulers upload', () => {
    const { data_item_b64, data_item_id, inner_ids } = vectors('bundles').find((vector) => vector.data_item_b64)
    const { id, valid } = yes(['item', 'inspect'], bytesOf(data_item_b64))
    assert.deepEqual([id, valid], [data_item_id, true])
    const { items } = yes(['bundle', 'inspect'], new DataItem(bytesOf(data_item_b64)).rawData)
    assert.deepEqual(items.map((item) => item.id), inner_ids)
  })

  for (const vector of vectors('bundles_invalid')) {
    test(`verify: ${vector.name}`, () => {
      const bytes = bytesOf(vector.bundle_b64)
      if (vector.expect.verdict === 'reject') {
        no(['bundle', 'verify'], bytes)
        no(['bundle', 'inspect'], bytes)
      } else {
        assert.ok(yes(['bundle', 'verify'], bytes).trailingBytes > 0)
      }
    })
  }

  test('pack and unpack are inverse, and arbundles reads what is packed', async () => {
    const items = ['one', 'two', 'three'].map((data) => {
      const out = join(folder, `item-${++files}`)
      return { out, id: yes(['item', 'sign', '--wallet', walletFile, '--out', out], data).id }
    })
    const bundle = join(folder, 'bundle')
    const told = yes(['bundle', 'pack', ...items.map(({ out }) => out), '--out', bundle])
    assert.equal(told.count, 3)
    const read = unbundleData(readFileSync(bundle))
    assert.deepEqual(read.getIds(), items.map(({ id }) => id))
    assert.ok(await read.verify())
    const dir = join(folder, 'unpacked')
    const unpacked = yes(['bundle', 'unpack', '--dir', dir, bundle])
    assert.deepEqual(unpacked.items.map(({ file }) => file), items.map(({ id }) => join(dir, `${id}.item`)))
    for (const { out, id } of items) assert.deepEqual(readFileSync(join(dir, `${id}.item`)), readFileSync(out))
    assert.equal(yes(['bundle', 'pack', ...items.map(({ out }) => out)]).raw, readFileSync(bundle).toString('base64url'))
  })

  test('bundles of arbundles are read', async () => {
    const signer = new ArweaveSigner(testWallet)
    const bundle = await bundleAndSignData(['a', 'b'].map((data) => createData(data, signer)), signer)
    assert.deepEqual(yes(['bundle', 'inspect'], bundle.getRaw()).items.map(({ id }) => id), bundle.getIds())
  })

  test('unpack leaves out what is not valid, and says so', () => {
    const bundle = bytesOf(vectors('bundles').find(({ count, nested }) => count === 3 && !nested).bundle_b64)
    bundle[bundle.length - 1] ^= 1
    const dir = join(folder, 'partly')
    const told = no(['bundle', 'unpack', '--dir', dir], bundle, /1 of 3/)
    assert.deepEqual(readdirSync(dir).length, 2)
    assert.deepEqual(told.items.map(({ valid }) => valid), [true, true, false])
    assert.ok(!existsSync(join(dir, `${told.items[2].id}.item`)))
  })

  test('pack takes valid items only', () => {
    const bad = bytesOf(vectors('data_items_invalid')[0].item_b64)
    refused(['bundle', 'pack', fileOf(bad)], '', 2, /input-\d+: .*signature/)
    refused(['bundle', 'unpack', fileOf(bad)], '', 64, /--dir/)
  })
})

describe('aod tx', () => {
  const generated = ({ length, a, b, c, d }) =>
    Buffer.from(Uint8Array.from({ length }, (_, i) => a * i + b * (i >>> 8) + c * (i >>> 16) + d))

  for (const vector of vectors('transactions')) {
    test(`inspect: ${vector.name}`, () => {
      const { tx } = vector
      const data = vector.data_generator && ['--data', fileOf(generated(vector.data_generator))]
      const told = yes(['tx', 'inspect', ...(data ?? [])], JSON.stringify(tx))
      assert.equal(told.id, tx.id)
      assert.equal(told.format, tx.format)
      assert.equal(told.owner, tx.owner)
      if (vector.owner_address) assert.equal(told.address, vector.owner_address)
      for (const [ours, theirs] of [['target', 'target'], ['quantity', 'quantity'], ['reward', 'reward'], ['anchor', 'last_tx'], ['dataRoot', 'data_root']]) {
        assert.equal(told[ours], tx[theirs] ?? '', ours)
      }
      assert.deepEqual(told.tags.map(({ name, value }) => [name, value]),
        tx.tags.map(({ name, value }) => [bytesOf(name).toString(), bytesOf(value).toString()]))
      if (vector.data_sha256 && data) assert.equal(told.dataSha256, bytesOf(vector.data_sha256).toString('hex'))
      yes(['tx', 'verify', fileOf(JSON.stringify(tx))])
    })
  }

  for (const vector of vectors('transactions_invalid')) {
    test(`verify: ${vector.name}`, () => {
      const { code, json } = aod(['tx', 'verify'], JSON.stringify(vector.tx))
      if (vector.expect.verdict === 'reject') no(['tx', 'verify'], JSON.stringify(vector.tx))
      else assert.equal(code, json.valid ? 0 : 2)
    })
  }

  for (const size of [0, 5, 262144, 262145, 1_000_000]) {
    test(`sign: ${size} bytes, as arweave-js would`, async () => {
      const data = Buffer.alloc(size, 'x')
      const tx = yes(['tx', 'sign', '--wallet', walletFile, '--reward', '7', '--tag', 'A=b', fileOf(data)])
      const theirs = arweave.transactions.fromRaw({ ...tx, data: data.toString('base64url') })
      assert.ok(await arweave.transactions.verify(theirs))
      const made = await arweave.createTransaction({ data, reward: '7', last_tx: '' }, testWallet)
      if (size) await made.prepareChunks(data)
      assert.equal(tx.data_root, made.data_root)
      assert.equal(tx.data_size, String(size))
      assert.equal(tx.data, size <= 262144 ? data.toString('base64url') : '')
      yes(['tx', 'verify', '--data', fileOf(data)], JSON.stringify(tx))
    })
  }

  test('sign: an unsigned transaction of arweave-js', async () => {
    const made = await arweave.createTransaction({ target: 'c_j6TWgruu_q41dtPSqaTzcC2-3mRHKwWR6dYiqexNQ', quantity: '12',
      reward: '34', last_tx: '' }, testWallet)
    const tx = yes(['tx', 'sign', '--unsigned', '--wallet', walletFile], JSON.stringify(made))
    assert.equal(tx.quantity, '12')
    const bare = yes(['tx', 'sign', '--unsigned', '--wallet', walletFile], JSON.stringify({ format: 2, data: 'aGVsbG8' }))
    assert.equal(bare.data_size, '5')
    assert.ok(await arweave.transactions.verify(arweave.transactions.fromRaw(bare)))
    refused(['tx', 'sign', '--unsigned', '--wallet', walletFile], JSON.stringify({ format: 2, data: 'aGVsbG8', data_size: '4', data_root: made.owner.slice(0, 43) }), 2, /data/)
    refused(['tx', 'sign', '--wallet', walletFile, '--quantity', '1'], '', 2, /target/)
    assert.ok(await arweave.transactions.verify(arweave.transactions.fromRaw(tx)))
  })

  test('sign: secp256k1 signs, Ed25519 cannot', () => {
    const [ethereum, solana] = ['secp256k1', 'ed25519'].map((kind) => {
      const file = join(folder, `tx-${kind}.json`)
      yes(['wallet', 'new', '--kind', kind, '--out', file])
      return file
    })
    const tx = yes(['tx', 'sign', '--wallet', ethereum], 'x')
    assert.equal(tx.owner, '')
    yes(['tx', 'verify'], JSON.stringify(tx))
    refused(['tx', 'sign', '--wallet', solana], 'x', 4, /RSA or secp256k1/)
  })

  test('what is wrong is named', () => {
    const { tx } = vectors('transactions').find(({ size }) => size > 0)
    no(['tx', 'verify', '--data', fileOf('other data')], JSON.stringify(tx), /is not the data/)
    no(['tx', 'verify'], 'not json')
    no(['tx', 'verify'], '{"format":2}', /id/)
    refused(['tx', 'sign', '--wallet', walletFile, '--quantity', '1.5'], '', 64, /--quantity/)
    refused(['tx', 'sign', '--wallet', walletFile, '--anchor', '!'], '', 64, /--anchor/)
  })
})

describe('aod deephash', () => {
  for (const vector of vectors('deep_hash').filter(({ input }) => input !== undefined)) {
    test(vector.name, () => {
      const told = yes(['deephash', '--json', '--encoding', 'base64url'], JSON.stringify(vector.input))
      assert.equal(told.deepHash, vector.sha384_deep_hash)
      assert.equal(told.hex, bytesOf(vector.sha384_deep_hash).toString('hex'))
      if (typeof vector.input === 'string') {
        assert.equal(yes(['deephash'], bytesOf(vector.input)).deepHash, vector.sha384_deep_hash)
      }
    })
  }

  test('strings are UTF-8 unless said otherwise, as arbundles hashes them', async () => {
    const tree = ['dataitem', ['ä', []], '']
    const bytes = (node) => Array.isArray(node) ? node.map(bytes) : Buffer.from(node)
    const told = yes(['deephash', '--json'], JSON.stringify(tree))
    assert.equal(told.deepHash, Buffer.from(await deepHash(bytes(tree))).toString('base64url'))
  })

  test('what is wrong is named', () => {
    refused(['deephash', '--json'], '[1]', 2, /strings and arrays/)
    refused(['deephash', '--json'], '[', 2, /./)
    refused(['deephash', '--json', '--encoding', 'base64url'], '["*"]', 2, /base64url/)
    refused(['deephash', '--encoding', 'hex'], '', 64, /hex/)
  })
})

test('--help of every command and verb tells the usage and every option', () => {
  const verbs = { wallet: ['new', 'show', 'address'], item: ['inspect', 'verify', 'sign'],
    bundle: ['inspect', 'verify', 'pack', 'unpack'], tx: ['inspect', 'verify', 'sign'], deephash: [] }
  const all = aod(['--help']).out
  for (const [command, names] of Object.entries(verbs)) {
    assert.ok(all.includes(`  ${command} `), command)
    const help = aod([command, '--help'])
    assert.equal(help.code, 0)
    assert.match(help.out, new RegExp(`^usage: aod ${command} `))
    for (const name of names) {
      assert.ok(help.out.includes(name), `${command} ${name}`)
      const { code, out } = aod([command, name, '--help'])
      assert.equal(code, 0)
      assert.match(out, new RegExp(`^usage: aod ${command} ${name} `))
    }
  }
  refused(['item', 'weigh'], '', 64, /weigh/)
  refused(['item'], '', 64, /usage/)
  refused(['item', 'verify', 'a', 'b'], '', 64, /"b"/)
})
