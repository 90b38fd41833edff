import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import type { Measurement } from '@vouchsafe/testkit/ima-log-writer'
import { writeImaLog } from '@vouchsafe/testkit/ima-log-writer'
import { TpmError, imaSigningKey, parseImaLog, parseImaSignature, readImaSigningKeys, verifyFileSignature } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-ima-'))
after(() => rmSync(folder, { recursive: true }))

const HASH_IDS: Record<string, number> = { sha1: 2, sha256: 4, sha384: 5, sha512: 6, sha224: 7 }
const FILE = Buffer.from('the content of a file\n')
const digestOf = (algorithm: string, data: Uint8Array = FILE) => createHash(algorithm).update(data).digest()

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const curves = ['P-256', 'P-384', 'P-521'].map((namedCurve) => generateKeyPairSync('ec', { namedCurve }))

interface SignatureOptions {
  type?: number
  version?: number
  keyId?: string
  signature?: Uint8Array
}

/** As `evmctl ima_sign` writes it, with a signature of FILE. */
function xattr(keys: { publicKey: KeyObject; privateKey: KeyObject }, algorithm: string, options: SignatureOptions = {}): Buffer {
  const { type = 3, version = 2, keyId = imaSigningKey(keys.publicKey).ids[0]! } = options
  const signature = options.signature ?? sign(algorithm, FILE, keys.privateKey)
  const head = Buffer.from([type, version, HASH_IDS[algorithm]!])
  return Buffer.concat([head, Buffer.from(keyId, 'hex'), Buffer.from([signature.length >> 8, signature.length & 0xff]), signature])
}

function entryOf(measurement: Partial<Measurement>, format: 'ascii' | 'binary' = 'ascii') {
  return parseImaLog(writeImaLog([{ path: '/bin/file', template: 'ima-sig', ...measurement }], { format })).entries[0]!
}

test('file signatures of RSA and EC keys with every hash are verified over the measured digest', () => {
  for (const keys of [rsa, ...curves]) {
    for (const algorithm of Object.keys(HASH_IDS)) {
      const sig = xattr(keys, algorithm)
      const given = [imaSigningKey(keys.publicKey)]
      for (const format of ['ascii', 'binary'] as const) {
        assert.equal(verifyFileSignature(entryOf({ sig, algorithm, digest: digestOf(algorithm) }, format), given).status, 'valid')
      }
      const other = verifyFileSignature(entryOf({ sig, algorithm, digest: digestOf(algorithm, Buffer.from('other')) }), given)
      assert.deepEqual(other, { field: 'sig', status: 'invalid', signer: given[0]!.ids[0] })
    }
  }
})

test('any changed bit of a signature makes it invalid or another thing, never valid', () => {
  for (const keys of [rsa, curves[0]!]) {
    const sig = xattr(keys, 'sha256')
    const given = [imaSigningKey(keys.publicKey)]
    fc.assert(
      fc.property(fc.nat(sig.length * 8 - 1), (bit) => {
        const changed = Buffer.from(sig)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        return verifyFileSignature(entryOf({ sig: changed, digest: digestOf('sha256') }), given).status !== 'valid'
      }),
      { numRuns: 150 },
    )
  }
})

test('degenerate ECDSA signatures are invalid', () => {
  const [keys] = curves
  const n = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
  const numbers = ['00', '01', `00${n}`, `00${n.slice(0, -1)}2`]
  for (const r of numbers) {
    for (const s of numbers) {
      const body = [r, s].map((hex) => `02${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`).join('')
      const signature = Buffer.from(`30${(body.length / 2).toString(16).padStart(2, '0')}${body}`, 'hex')
      const sig = xattr(keys!, 'sha256', { signature })
      assert.equal(verifyFileSignature(entryOf({ sig, digest: digestOf('sha256') }), [imaSigningKey(keys!.publicKey)]).status, 'invalid')
    }
  }
})

test('an ECDSA signature is valid in strict DER alone', () => {
  const [keys] = curves
  const der = sign('sha256', FILE, keys!.privateKey)
  const [r, s] = [der.subarray(2, 4 + der[3]!), der.subarray(4 + der[3]!)]
  const head = Buffer.of(0x30, der[1]!)
  const padded = (integer: Buffer) => Buffer.concat([Buffer.of(2, integer[1]! + 1, 0), integer.subarray(2)])
  for (const [why, signature, status] of [
    ['as it was made', Buffer.concat([head, r, s]), 'valid'],
    ['a long form of a short length', Buffer.concat([Buffer.of(0x30, 0x81, der[1]!), r, s]), 'invalid'],
    ['an indefinite length', Buffer.concat([Buffer.of(0x30, 0x80), r, s, Buffer.alloc(2)]), 'invalid'],
    ['bytes after it', Buffer.concat([head, r, s, Buffer.of(0)]), 'invalid'],
    ['a third number', Buffer.concat([Buffer.of(0x30, der[1]! + 3), r, s, Buffer.of(2, 1, 1)]), 'invalid'],
    ['a needless zero', Buffer.concat([Buffer.of(0x30, der[1]! + 1), padded(r), s]), 'invalid'],
  ] as const) {
    const sig = xattr(keys!, 'sha256', { signature })
    assert.equal(verifyFileSignature(entryOf({ sig, digest: digestOf('sha256') }), [imaSigningKey(keys!.publicKey)]).status, status, why)
  }
})

test('version 3 signs type, hash and digest: of fs-verity, and of files', () => {
  for (const keys of [rsa, curves[1]!]) {
    for (const [type, digestType] of [
      [6, 'verity'],
      [3, 'ima'],
    ] as const) {
      const digest = digestOf('sha256')
      const signature = sign('sha256', Buffer.concat([Buffer.from([type, HASH_IDS['sha256']!]), digest]), keys.privateKey)
      const sig = xattr(keys, 'sha256', { type, version: 3, signature })
      const given = [imaSigningKey(keys.publicKey)]
      const status = (digestType: string) => verifyFileSignature(entryOf({ template: 'ima-sigv2', digestType, digest, sig }), given).status
      assert.equal(status(digestType), 'valid')
      assert.equal(status(type === 6 ? 'ima' : 'verity'), 'invalid')
    }
  }
})

test('what cannot be verified says why', () => {
  const given = [imaSigningKey(rsa.publicKey)]
  const digest = digestOf('sha256')
  const verdict = (sig: Uint8Array, measurement: Partial<Measurement> = {}) =>
    verifyFileSignature(entryOf({ sig, digest, ...measurement }), given)
  const good = xattr(rsa, 'sha256')
  assert.equal(verdict(new Uint8Array()).status, 'none')
  assert.equal(verifyFileSignature(entryOf({ template: 'ima-ng' }), given).status, 'none')
  assert.deepEqual(verdict(xattr(rsa, 'sha256', { keyId: '01020304' })), { field: 'sig', status: 'unknown-key', signer: '01020304' })
  assert.match(verdict(xattr(rsa, 'sha256', { type: 5 })).note ?? '', /EVM portable/)
  assert.match(verdict(good, { algorithm: 'sha512', digest: digestOf('sha512') }).note ?? '', /with sha256 of a file measured with sha512/)
  const sm3 = Buffer.from(good)
  sm3[2] = 17
  assert.deepEqual([verdict(sm3).status, verdict(sm3).note], ['unsupported', 'a signature with sm3'])
  const cases: [Buffer, RegExp][] = [
    [good.subarray(0, 8), /8 bytes are too few/],
    [good.subarray(0, -1), /256 bytes announced, 255 there/],
    [Buffer.concat([Buffer.of(4), good.subarray(1)]), /unknown type 4/],
    [Buffer.concat([Buffer.of(3, 1), good.subarray(2)]), /unknown version 1/],
    [Buffer.concat([Buffer.of(6), good.subarray(1)]), /a verity signature is of version 3/],
    [Buffer.concat([Buffer.of(3, 2, 99), good.subarray(3)]), /unknown hash 99/],
  ]
  for (const [sig, note] of cases) {
    assert.match(verdict(sig).note ?? '', note)
    assert.equal(verdict(sig).status, 'invalid')
    assert.throws(() => parseImaSignature(sig), TpmError)
  }
})

function openssl(...args: string[]): Buffer {
  return execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
}

/** A self-signed certificate by the openssl command, with its key. */
function certificate(name: string, ...newKey: string[]): void {
  openssl('req', '-x509', '-newkey', ...newKey, '-nodes', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`)
}

test('keys are read from PEM and DER, certificates and public keys, with the ids that name them', () => {
  certificate('reader', 'rsa:2048')
  const pem = readFileSync(join(folder, 'reader.pem'))
  openssl('x509', '-in', 'reader.pem', '-outform', 'DER', '-out', 'reader.der')
  const identifier = openssl('x509', '-in', 'reader.pem', '-noout', '-ext', 'subjectKeyIdentifier').toString().replaceAll(':', '')
  const publicPem = openssl('x509', '-in', 'reader.pem', '-pubkey', '-noout')
  const [fromPem] = readImaSigningKeys(pem)
  const [fromDer] = readImaSigningKeys(readFileSync(join(folder, 'reader.der')))
  const [bare] = readImaSigningKeys(publicPem)
  const spki = bare!.key.export({ type: 'spki', format: 'der' })
  assert.ok(identifier.trim().toLowerCase().endsWith(fromPem!.ids[0]!))
  assert.deepEqual(fromDer?.ids, fromPem?.ids)
  assert.deepEqual(readImaSigningKeys(spki)[0]?.ids, bare?.ids)
  assert.ok(fromPem?.ids.includes(bare!.ids[0]!))
  assert.equal(readImaSigningKeys(Buffer.concat([pem, publicPem])).length, 2)
  for (const wrong of ['', 'no key', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', '0\x01'])
    assert.throws(() => readImaSigningKeys(Buffer.from(wrong)), TpmError)
  assert.throws(() => readImaSigningKeys(Buffer.alloc(2_000_000)), /more than 1048576 bytes/)
})

test('signatures appended to files are verified: RSA and EC, bare as the kernel makes them, with attributes, by key identifier', () => {
  writeFileSync(join(folder, 'file'), FILE)
  certificate('rsa', 'rsa:2048')
  certificate('ec', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1')
  for (const name of ['rsa', 'ec']) {
    for (const options of [['-noattr'], [], ['-noattr', '-keyid']]) {
      const signer = ['-signer', `${name}.pem`, '-inkey', `${name}.key`, '-md', 'sha256', '-nocerts', '-outform', 'DER']
      const modsig = openssl('cms', '-sign', '-binary', '-in', 'file', ...signer, ...options)
      const entry = (data: Uint8Array) =>
        entryOf({ template: 'ima-modsig', modsig, modsigDigest: { algorithm: 'sha256', digest: digestOf('sha256', data) } })
      const keys = readImaSigningKeys(readFileSync(join(folder, `${name}.pem`)))
      const verdict = verifyFileSignature(entry(FILE), [imaSigningKey(curves[1]!.publicKey), ...keys])
      assert.deepEqual([verdict.field, verdict.status], ['modsig', 'valid'], `${name} ${options.join(' ')}`)
      const lax = [
        Buffer.concat([modsig, Buffer.of(0)]),
        Buffer.concat([Buffer.of(0x30, 0x83, 0), modsig.subarray(2)]),
        Buffer.concat([Buffer.of(0x30, 0x80), modsig.subarray(4), Buffer.alloc(2)]),
      ]
      for (const changed of lax) {
        const measured = { template: 'ima-modsig', modsig: changed, modsigDigest: { algorithm: 'sha256', digest: digestOf('sha256') } }
        assert.notEqual(verifyFileSignature(entryOf(measured), keys).status, 'valid')
      }
      // The log names the field that the host may let anybody write as the digest that was signed.
      const evil = writeImaLog(
        [
          {
            path: '/bin/file',
            template: 'ima-modsig',
            modsig,
            sig: Buffer.concat([Buffer.from('\u0003:sha256:\0'), digestOf('sha256')]),
            modsigDigest: { algorithm: 'sha256', digest: digestOf('sha256', Buffer.from('other')) },
          },
        ],
        { format: 'binary' },
      ).toString('latin1')
      const template = 'd-ng|n-ng|d-modsig|buf|modsig'
      const renamed = evil.replace('\u000a\0\0\0ima-modsig', `${String.fromCharCode(template.length)}\0\0\0${template}`)
      const [relabelled] = parseImaLog(Buffer.from(renamed, 'latin1')).entries
      assert.equal(relabelled?.templateName, template)
      assert.deepEqual([verifyFileSignature(relabelled, keys).status, relabelled.violation], ['unsupported', false])
      const id = options.includes('-keyid')
        ? keys[0]!.ids[0]!
        : openssl('x509', '-in', `${name}.pem`, '-noout', '-serial').toString().trim().slice(7)
      assert.ok(verdict.signer?.toLowerCase().endsWith(id.toLowerCase()))
      assert.equal(verifyFileSignature(entry(Buffer.from('other')), keys).status, 'unknown-key')
      assert.equal(verifyFileSignature(entry(FILE), [imaSigningKey(rsa.publicKey)]).status, 'unknown-key')
      fc.assert(
        fc.property(fc.nat(modsig.length - 1), fc.nat(255), (at, value) => {
          const changed = Buffer.from(modsig)
          changed[at] = value
          const damaged = entryOf({
            template: 'ima-modsig',
            modsig: changed,
            modsigDigest: { algorithm: 'sha256', digest: digestOf('sha256') },
          })
          assert.ok(verifyFileSignature(damaged, keys).status)
        }),
        { numRuns: 60 },
      )
    }
  }
})
