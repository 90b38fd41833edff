import assert from 'node:assert/strict'
import { constants, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { bitString, integer, oid, sequence } from '@vouchsafe/der/writer'
import { certificatesFromPem, parseCertificate, publicKeyOf, signatureProblem, verifySignature } from '../src/index.ts'
import type { CertificateInput, Sm2Verify } from '../src/index.ts'
import { AFTER, BEFORE, ecKey, leafOf, openssl, opensslAccepts, rootCa, rsaKey, workFolder } from './pki.ts'

const file = workFolder()
const leafKey = ecKey()
const rsa = rsaKey()
const p256 = ecKey()

const SIGNERS: readonly [name: string, key: KeyObject, options: Partial<CertificateInput>][] = [
  ['sha256WithRSAEncryption', rsa, {}],
  ['sha512WithRSAEncryption', rsa, { hash: 'sha512' }],
  ['rsassaPss', rsa, { pss: true, hash: 'sha384' }],
  ['rsassaPss', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey, {}],
  ['ecdsa-with-SHA256', p256, {}],
  ['ecdsa-with-SHA384', ecKey('P-384'), { hash: 'sha384' }],
  ['ecdsa-with-SHA512', ecKey('P-521'), { hash: 'sha512' }],
  ['ED25519', generateKeyPairSync('ed25519').privateKey, {}],
  ['ED448', generateKeyPairSync('ed448').privateKey, {}],
]

for (const [name, key, options] of SIGNERS)
  test(`a signature by ${name} (${key.asymmetricKeyType}) verifies, and no other key or altered byte does`, async () => {
    const root = await rootCa('CN=Signer', { privateKey: key, ...(options.hash && { hash: options.hash }) })
    const { certificate } = await leafOf(root, 'CN=leaf', { key: leafKey, ...options })
    assert.equal(certificate.signatureAlgorithm.name, name)
    assert.ok(verifySignature(certificate, publicKeyOf(root.certificate)))
    assert.ok(verifySignature(certificate, root.certificate.publicKey))
    assert.ok(!verifySignature(certificate, certificate.publicKey))
    for (const at of [20, 40, certificate.tbs.length - 1]) {
      const tbs = Buffer.from(certificate.tbs)
      tbs[at]! ^= 1
      assert.ok(!verifySignature({ ...certificate, tbs }, root.certificate.publicKey))
    }
    const signature = Buffer.from(certificate.signature)
    signature[signature.length >> 1]! ^= 1
    assert.ok(!verifySignature({ ...certificate, signature }, root.certificate.publicKey))
    assert.ok(!verifySignature({ ...certificate, signature: Buffer.alloc(0) }, root.certificate.publicKey))
  })

test('an algorithm is refused with a key of another kind', async () => {
  const { certificate } = await leafOf(await rootCa('CN=RSA', { privateKey: rsa }), 'CN=leaf', { key: leafKey })
  assert.equal(signatureProblem(certificate, p256), 'sha256WithRSAEncryption with a key of kind ec')
  assert.match(signatureProblem(certificate, generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey) ?? '', /kind rsa-pss/)
})

test('a signature of the same key with other PSS parameters does not verify', async () => {
  const { certificate } = await leafOf(await rootCa('CN=RSA', { privateKey: rsa }), 'CN=leaf', { key: leafKey, pss: true })
  assert.ok(verifySignature(certificate, rsa))
  const shorter = { ...certificate, signatureAlgorithm: { ...certificate.signatureAlgorithm, saltLength: 20 } }
  assert.equal(signatureProblem(shorter, rsa), 'signature does not verify')
})

for (const hash of ['md5', 'sha1'])
  test(`a signature over ${hash} is refused unless weak hashes are allowed`, () => {
    const key = file('weak.key', rsa.export({ type: 'pkcs8', format: 'pem' }).toString())
    const [certificate] = certificatesFromPem(openssl('req', '-x509', '-new', '-key', key, `-${hash}`, '-subj', '/CN=weak', '-days', '3'))
    assert.equal(signatureProblem(certificate!, rsa), `weak hash ${hash}`)
    assert.equal(signatureProblem(certificate!, rsa, { allowWeakHashes: true }), undefined)
  })

test('a curve that is not known is refused before anything is computed on it', () => {
  const key = file('binary.key', openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:sect571r1').toString())
  const [certificate] = certificatesFromPem(openssl('req', '-x509', '-new', '-key', key, '-subj', '/CN=binary', '-days', '3'))
  assert.equal(signatureProblem(certificate!, certificate!.publicKey), 'curve 1.3.132.0.39 is not supported')
})

test("OpenSSL's PSS parameters are read", () => {
  const key = file('pss.key', rsa.export({ type: 'pkcs8', format: 'pem' }).toString())
  const options = ['-sha384', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:11']
  const [certificate] = certificatesFromPem(openssl('req', '-x509', '-new', '-key', key, ...options, '-subj', '/CN=pss', '-days', '3'))
  const { kind, hash, saltLength } = certificate!.signatureAlgorithm
  assert.deepEqual([kind, hash, saltLength], ['rsa-pss', 'sha384', 11])
  assert.equal(signatureProblem(certificate!, rsa), undefined)
})

test('an unknown algorithm, and a key of more than 8192 bits, are refused before any arithmetic', async () => {
  const { certificate } = await rootCa('CN=RSA', { privateKey: rsa })
  const unknown = { ...certificate, signatureAlgorithm: { ...certificate.signatureAlgorithm, kind: 'unknown' as const } }
  assert.match(signatureProblem(unknown, rsa) ?? '', /unknown signature algorithm/)
  assert.match(signatureProblem(certificate, { ...certificate.publicKey, bits: 8193 }) ?? '', /more than 8192 bits/)
})

test('a PSS signature without its leading zero byte, or with one more, is refused, though the number is the same', async () => {
  const { certificate } = await leafOf(await rootCa('CN=RSA', { privateKey: rsa }), 'CN=leaf', { key: leafKey, pss: true })
  const pss = { key: rsa, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: certificate.signatureAlgorithm.saltLength! }
  let signature: Buffer
  do signature = sign('sha256', certificate.tbs, pss)
  while (signature[0] !== 0)
  assert.equal(signatureProblem({ ...certificate, signature }, rsa), undefined)
  for (const other of [signature.subarray(1), Buffer.concat([Buffer.of(0), signature])])
    assert.equal(signatureProblem({ ...certificate, signature: other }, rsa), 'signature not as long as the modulus')
})

// OpenSSL does what a caller's function does: the command verifies with the signer id of GM/T 0009.
const sm2ByOpenssl: Sm2Verify = (point, message, signature) => {
  const curve = sequence(oid('1.2.840.10045.2.1'), oid('1.2.156.10197.1.301'))
  const key = file('sm2.spki', sequence(curve, bitString(point)))
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)].map((part) => BigInt(`0x${Buffer.from(part).toString('hex')}`))
  const inputs = ['-in', file('sm2.message', message), '-sigfile', file('sm2.signature', sequence(integer(r!), integer(s!)))]
  const options = ['-rawin', '-digest', 'sm3', '-pkeyopt', 'distid:1234567812345678', '-pubin', '-keyform', 'DER', '-inkey', key]
  return opensslAccepts('pkeyutl', '-verify', ...options, ...inputs)
}

test('an SM2 certificate of OpenSSL verifies through the function that is passed in, and only then', () => {
  const key = file('sm2.key', openssl('genpkey', '-algorithm', 'SM2'))
  const options = ['-sm3', '-sigopt', 'distid:1234567812345678', '-subj', '/CN=sm2', '-days', '3']
  const [certificate] = certificatesFromPem(openssl('req', '-x509', '-new', '-key', key, ...options))
  assert.ok(certificate)
  assert.equal(certificate.signatureAlgorithm.name, 'SM2-with-SM3')
  assert.equal(signatureProblem(certificate, certificate.publicKey), 'SM2 signatures are not supported here')
  assert.equal(signatureProblem(certificate, publicKeyOf(certificate), { sm2Verify: sm2ByOpenssl }), undefined)
  const tbs = Buffer.from(certificate.tbs)
  tbs[30]! ^= 1
  assert.equal(signatureProblem({ ...certificate, tbs }, certificate.publicKey, { sm2Verify: sm2ByOpenssl }), 'signature does not verify')
  for (const signature of [
    sequence(integer(0), integer(1)),
    sequence(integer(1n << 256n), integer(1)),
    sequence(integer(1)),
    Buffer.alloc(3),
  ])
    assert.equal(
      signatureProblem({ ...certificate, signature }, certificate.publicKey, { sm2Verify: () => true }),
      'signature does not verify',
    )
  assert.match(signatureProblem(certificate, p256, { sm2Verify: () => true }) ?? '', /with a key of kind ec/)
})

test('any bit that is flipped in what is signed is noticed', async () => {
  const root = await rootCa('CN=Bits', { privateKey: createPrivateKey(p256.export({ type: 'pkcs8', format: 'pem' })) })
  const { certificate } = await leafOf(root, 'CN=leaf', { key: leafKey, notBefore: BEFORE, notAfter: AFTER })
  const start = certificate.der.indexOf(certificate.tbs)
  for (let bit = 0; bit < 8 * certificate.tbs.length; bit += 3) {
    const der = Buffer.from(certificate.der)
    der[start + (bit >> 3)]! ^= 0x80 >> (bit & 7)
    let altered
    try {
      altered = parseCertificate(der)
    } catch {
      continue
    }
    assert.ok(!verifySignature(altered, root.certificate.publicKey), `bit ${bit}`)
  }
})
