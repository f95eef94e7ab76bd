// ANS-104 data items as the outside world makes and reads them: built and parsed by arbundles, an
// implementation that shares nothing with aod's, and signed here so that a test can choose the salt.
import { createData, DataItem, EthereumSigner } from '@dha-team/arbundles'
import { constants, createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './network.mjs'

export const readWallet = (file) => JSON.parse(readFileSync(file, 'utf8'))
export const generateWallet = () =>
  generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey.export({ format: 'jwk' })

// Published on purpose, so that a test need not wait for a key. Generated wallets are used where
// a test is about them.
export const testWallet = readWallet(join(root, 'test/vectors/arweave/wallet-1.TEST-ONLY.jwk.json'))

export const sha256 = (...parts) => {
  const hash = createHash('sha256')
  parts.forEach((part) => hash.update(part))
  return hash.digest()
}
export const bytesOf = (text) => Buffer.from(text, 'base64url')
export const unknownId = sha256('nobody has this id').toString('base64url')
export const addressOf = (wallet) => sha256(bytesOf(wallet.n)).toString('base64url')

const signatureLengths = { 1: 512, 2: 64, 3: 65 }
const publicSigner = (owner, signatureType = 1) => ({
  signatureType,
  signatureLength: signatureLengths[signatureType],
  ownerLength: owner.length,
  publicKey: owner,
})

// The key that every Ethereum development network funds first, and its address.
export const ethereumSigner = () => ({
  signer: new EthereumSigner('ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'),
  address: '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
})

// A signed item: { id, raw }. Tags are { name, value } pairs in order. With a `signer` of arbundles
// that one signs, else the RSA wallet.
export async function signItem({ wallet = testWallet, signer, target, anchor, tags = [], data = ' ', saltLength = 32 }) {
  if (signer) {
    const item = createData(data, signer, { target, anchor, tags })
    await item.sign(signer)
    return { id: item.id, raw: item.getRaw() }
  }
  return signed(createData(data, publicSigner(bytesOf(wallet.n)), { target, anchor, tags }), wallet, saltLength)
}

async function signed(item, wallet, saltLength = 32) {
  await item.setSignature(sign('sha256', await item.getSignatureData(), {
    key: createPrivateKey({ key: wallet, format: 'jwk' }),
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength,
  }))
  return { id: item.id, raw: item.getRaw() }
}

// A signed item whose tags may take more bytes than arbundles is willing to write.
export function signItemWithAnyTags({ wallet = testWallet, target, tags, data = ' ' }) {
  const bare = createData(data, publicSigner(bytesOf(wallet.n)), { target })
  const at = bare.getTagsStart()
  const avro = avroOf(tags)
  const sizes = Buffer.alloc(16)
  sizes.writeBigUInt64LE(BigInt(tags.length), 0)
  sizes.writeBigUInt64LE(BigInt(avro.length), 8)
  return signed(new DataItem(Buffer.concat([bare.getRaw().subarray(0, at), sizes, avro, Buffer.from(data)])), wallet)
}

function avroOf(tags) {
  const long = (n) => {
    const bytes = []
    for (n *= 2; n > 127; n = Math.floor(n / 128)) bytes.push((n % 128) | 128)
    return Buffer.from([...bytes, n])
  }
  const text = (value) => [long(Buffer.byteLength(value)), Buffer.from(value)]
  return Buffer.concat([long(tags.length), ...tags.flatMap(({ name, value }) => [...text(name), ...text(value)]), long(0)])
}

// The fields of an item's bytes.
export function parseItem(raw) {
  const item = new DataItem(Buffer.from(raw))
  return {
    id: item.id,
    owner: item.rawOwner,
    target: item.target,
    anchor: item.rawAnchor,
    tags: item.tags,
    data: item.rawData,
    isValid: () => DataItem.verify(Buffer.from(raw)),
  }
}

// Does this signature belong to an item with these fields? For items that are only known as JSON.
export async function verifies({ type, owner, target, anchor, tags, data = '', signature }) {
  const item = createData(data, publicSigner(bytesOf(owner), type), { target, tags })
  const raw = anchor ? withAnchor(item, anchor) : item
  await raw.setSignature(bytesOf(signature))
  return DataItem.verify(raw.getRaw())
}

// createData takes an anchor as text; assignments have random bytes.
function withAnchor(item, anchor) {
  const bytes = item.getRaw()
  const at = item.getAnchorStart()
  return new DataItem(Buffer.concat([bytes.subarray(0, at), Buffer.from([1]), anchor, bytes.subarray(at + 1)]))
}

export const tag = (name, value) => ({ name, value })
export const valueOf = (tags, name) => tags.find((one) => one.name === name)?.value
export const valuesOf = (tags, name) => tags.filter((one) => one.name === name).map(({ value }) => value)
export const namesOf = (tags) => tags.map(({ name }) => name)
