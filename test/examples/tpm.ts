// What the examples of packages/tpm take for granted: a quote and what belongs to it, keys, logs, and an emulated TPM.
import { generateKeyPairSync, sign } from 'node:crypto'
import {
  createAk,
  createEk,
  encodeAttest,
  encodeSignature,
  openTpm,
  parseEventLog,
  parseImaLog,
  pcrDigest,
  publicAreaOf,
  type CreationData,
  type NvPublic,
} from '@vouchsafe/tpm'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'

export const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const nonce = Buffer.from('made by the verifier')
export const pcrs = { algorithm: 'sha256' as const, values: new Map([[7, new Uint8Array(32).fill(7)]]) }
const pcrSelections = [{ algorithm: 'sha256' as const, indices: [7] }]
export const quote = encodeAttest({
  type: 'quote',
  qualifiedSigner: new Uint8Array(),
  extraData: nonce,
  clockInfo: { clock: 1000n, resetCount: 3, restartCount: 0, safe: true },
  firmwareVersion: 1n,
  pcrSelections,
  pcrDigest: pcrDigest('sha256', pcrSelections, [pcrs]),
})
const rs = sign('sha256', quote, { key: privateKey, dsaEncoding: 'ieee-p1363' })
export const signature = encodeSignature({ scheme: 'ecdsa', hash: 'sha256', r: rs.subarray(0, 32), s: rs.subarray(32) })

export const akArea = publicAreaOf(publicKey, { nameAlg: 'sha256', attributes: ['restricted', 'sign'], authPolicy: new Uint8Array() })
export const ekArea = publicAreaOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, {
  nameAlg: 'sha256',
  attributes: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'adminWithPolicy', 'restricted', 'decrypt'],
  authPolicy: new Uint8Array(32),
  symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cfb' },
})
export const nvPublic: NvPublic = {
  index: 0x01800001,
  nameAlg: 'sha256',
  nvType: 'ordinary',
  attributes: ['ownerWrite', 'ownerRead'],
  authPolicy: new Uint8Array(),
  dataSize: 32,
}
export const creation: CreationData = {
  pcrSelections: [],
  pcrDigest: new Uint8Array(),
  locality: 1,
  parentNameAlg: 'sha256',
  parentName: new Uint8Array(),
  parentQualifiedName: new Uint8Array(),
  outsideInfo: new Uint8Array(),
}

/** A boot log with one event: SecureBoot is on. */
export const bootLog = Buffer.from(
  '000000000300000000000000000000000000000000000000000000002100000053706563204944204576656e743033000000000000026902010000000b002000' +
    '000700000001000080010000000b00ccfc4bb32888a345bc8aeadaba552b627d99348c767681ab3141f5b01e40a40e3500000061dfe48bca93d211aa0d00e098' +
    '032b8c0a00000000000000010000000000000053006500630075007200650042006f006f00740001',
  'hex',
)
export const log = parseEventLog(bootLog)
export const event = log.events.find(({ pcr }) => pcr === 7)!

/** An IMA log of two files. */
export const imaLog = Buffer.from(
  `10 4c68b17f29b5b18e86b4cdfc8cce464b3053c558 ima-ng sha256:${'11'.repeat(32)} boot_aggregate\n` +
    `10 78765845f3acf55912b89ce45bc6fff2adab0bf2 ima-ng sha256:${'22'.repeat(32)} /usr/bin/cat\n`,
)
export const entries = parseImaLog(imaLog).entries
/** PCR 10 when the first of them had been measured. */
export const pcr10 = Buffer.from('ca0e6b786952b72bf78700acd879332652f266dab48a38aa3c7e237c32cb064f', 'hex')

// An emulated TPM takes one connection at a time: the examples share one, and one opens its own.
const [swtpm, other] = await Promise.all([startSwtpm(), startSwtpm()])
export const { address } = other
export const tpm = await openTpm(swtpm.address)
export const ek = await createEk(tpm, 'ecc')
export const akBlob = await createAk(tpm, ek, { scheme: 'ecdsa' })

export async function close(): Promise<void> {
  await tpm[Symbol.asyncDispose]()
  await Promise.all([swtpm[Symbol.asyncDispose](), other[Symbol.asyncDispose]()])
}
