import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bitString, boolean, explicit, integer, nullValue, octetString, oid, sequence, time } from '@vouchsafe/der/writer'
import { certificatesFromPem, EKU, extensionOf, nameFromText, parseCertificate, publicKeyOf, X509Error } from '../src/index.ts'
import { AFTER, BEFORE, ecKey, keyPem, leafOf, openssl, refused, rootCa, workFolder } from './pki.ts'

const file = workFolder()
const root = await rootCa('C=CN,O=Example,CN=Root')
const leaf = await leafOf(root, 'CN=host', {
  serialNumber: '00ab',
  keyUsage: ['digitalSignature', 'decipherOnly'],
  extendedKeyUsage: [EKU.tcgAikCertificate],
  subjectAltName: [
    { type: 'dns', value: 'host.example' },
    { type: 'ip', value: '192.0.2.1' },
    { type: 'ip', value: '2001:db8::1' },
    { type: 'email', value: 'a@example.org' },
    { type: 'uri', value: 'https://example.org/' },
    { type: 'oid', value: '1.2.3' },
    { type: 'directory', name: 'CN=other' },
  ],
  crlDistributionPoints: ['http://example.org/a.crl', 'http://example.org/b.crl'],
  extensions: [{ oid: '1.2.840.113741.1.13.1', critical: false, value: sequence() }],
})

test('a certificate is read into plain data', () => {
  const { certificate } = leaf
  assert.equal(certificate.version, 3)
  assert.equal(certificate.serialNumber, 'ab')
  assert.equal(certificate.issuer.text, 'C=CN, O=Example, CN=Root')
  assert.equal(certificate.subject.text, 'CN=host')
  assert.deepEqual([certificate.notBefore, certificate.notAfter], [BEFORE, AFTER])
  assert.deepEqual(certificate.keyUsage, ['digitalSignature', 'decipherOnly'])
  assert.deepEqual(certificate.extendedKeyUsage, ['2.23.133.8.3'])
  assert.equal(certificate.authorityKeyId?.keyId, root.certificate.subjectKeyId)
  assert.deepEqual(certificate.crlDistributionPoints, ['http://example.org/a.crl', 'http://example.org/b.crl'])
  assert.deepEqual(
    certificate.subjectAltName?.map((name) => [name.type, name.type === 'directory' ? name.name.text : 'value' in name && name.value]),
    [
      ['dns', 'host.example'],
      ['ip', '192.0.2.1'],
      ['ip', '2001:db8:0:0:0:0:0:1'],
      ['email', 'a@example.org'],
      ['uri', 'https://example.org/'],
      ['oid', '1.2.3'],
      ['directory', 'CN=other'],
    ],
  )
  assert.deepEqual(extensionOf(certificate, '1.2.840.113741.1.13.1')?.value, sequence())
  assert.deepEqual(certificate.unknownCritical, [])
  assert.deepEqual(structuredClone(certificate).subject.attributes, certificate.subject.attributes)
})

test('a certificate does not change with the bytes that it was read from', () => {
  const bytes = Uint8Array.from(leaf.certificate.der)
  const certificate = parseCertificate(bytes)
  bytes.fill(0)
  assert.deepEqual(certificate.der, leaf.certificate.der)
})

const KINDS: readonly [name: string, args: string[], kind: string, detail: string | number | undefined][] = [
  ['RSA', ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], 'rsa', 2048],
  ['RSA-PSS', ['RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'], 'rsa-pss', 2048],
  ['P-256', ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'ec', 'prime256v1'],
  ['P-384', ['EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], 'ec', 'secp384r1'],
  ['P-521', ['EC', '-pkeyopt', 'ec_paramgen_curve:P-521'], 'ec', 'secp521r1'],
  ['Ed25519', ['ED25519'], 'ed25519', undefined],
  ['Ed448', ['ED448'], 'ed448', undefined],
  ['SM2', ['SM2'], 'sm2', 'SM2'],
]

for (const [name, args, kind, detail] of KINDS)
  test(`a certificate of OpenSSL over a key of kind ${name} has the fields that OpenSSL and Node show`, () => {
    const key = openssl('genpkey', '-algorithm', ...args)
    const digest = kind === 'sm2' ? ['-sm3', '-sigopt', 'distid:1234567812345678'] : []
    const subject = ['-subj', '/C=CN/O=Ex, Ltd/CN=né', '-utf8', '-days', '30']
    const text = openssl('req', '-x509', '-new', '-key', file('subject.key', key), ...subject, ...digest)
    const [certificate] = certificatesFromPem(text)
    const node = new X509Certificate(text)
    assert.ok(certificate)
    assert.equal(certificate.publicKey.kind, kind)
    assert.equal(certificate.publicKey.curve ?? certificate.publicKey.bits, detail)
    assert.equal(certificate.serialNumber.toUpperCase(), node.serialNumber)
    assert.equal(certificate.notBefore.getTime(), node.validFromDate.getTime())
    assert.equal(certificate.notAfter.getTime(), node.validToDate.getTime())
    assert.equal(certificate.subject.text, 'C=CN, O=Ex\\, Ltd, CN=né')
    assert.equal(certificate.basicConstraints?.ca, node.ca)
    assert.deepEqual(
      publicKeyOf(certificate).export({ type: 'spki', format: 'der' }),
      node.publicKey.export({ type: 'spki', format: 'der' }),
    )
    assert.ok(openssl('x509', '-in', file('shown.pem', text), '-noout', '-text').includes(certificate.signatureAlgorithm.name))
  })

test("OpenSSL's certificate of version 1 is read", () => {
  const request = file('v1.csr')
  openssl('req', '-new', '-newkey', 'ed25519', '-nodes', '-keyout', file('v1.key'), '-subj', '/CN=v1', '-out', request)
  const text = openssl('x509', '-req', '-in', request, '-signkey', file('v1.key'), '-set_serial', '0', '-days', '3')
  const certificate = certificatesFromPem(text)[0]!
  assert.equal(certificate.version, 1)
  assert.equal(certificate.serialNumber, '0')
  assert.deepEqual(certificate.extensions, [])
})

test('an endorsement key declared for RSAES-OAEP can be used', () => {
  const key = openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-outform', 'PEM')
  const der = readFileSync(writeDer(openssl('pkey', '-in', file('oaep.key', key), '-pubout')))
  const oaep = Buffer.from(der.toString('hex').replace('06092a864886f70d010101', '06092a864886f70d010107'), 'hex')
  const certificate = parseCertificate(build({ spki: oaep }))
  assert.equal(certificate.publicKey.kind, 'rsa-oaep')
  assert.equal(publicKeyOf(certificate).asymmetricKeyType, 'rsa')
})

function writeDer(publicPem: string): string {
  openssl('pkey', '-pubin', '-in', file('public.pem', publicPem), '-outform', 'DER', '-out', file('public.der'))
  return file('public.der')
}

test('EC parameters without a name are refused when the key is used', () => {
  const explicitPem = openssl('ec', '-in', file('curve.key', keyPem(ecKey())), '-param_enc', 'explicit', '-pubout')
  const certificate = parseCertificate(build({ spki: readFileSync(writeDer(explicitPem)) }))
  assert.equal(certificate.publicKey.curve, undefined)
  assert.throws(() => publicKeyOf(certificate), refused('unsupported', /without a curve name/))
})

test('a key that is no point on its curve is refused when it is used', () => {
  const { spki } = leaf.certificate.publicKey
  const off = Buffer.from(spki)
  off[off.length - 1]! ^= 1
  assert.throws(() => publicKeyOf(parseCertificate(build({ spki: off }))), refused('unsupported', /not a key that can be used/))
})

interface Parts {
  version?: Buffer
  serial?: Buffer
  inner?: Buffer
  outer?: Buffer
  spki?: Buffer
  uniqueId?: Buffer
  extensions?: Buffer[]
  signature?: Buffer
  validity?: Buffer
}

const ALGORITHM = sequence(oid('1.2.840.10045.4.3.2'))

/** A certificate put together part by part; its signature is of no key. */
function build(parts: Parts): Buffer {
  const { version = explicit(0, integer(2)), serial = integer(1), inner = ALGORITHM, outer = ALGORITHM } = parts
  const { spki = leaf.certificate.publicKey.spki, extensions, uniqueId = Buffer.alloc(0), signature = bitString(Buffer.alloc(8)) } = parts
  const name = nameFromText('CN=built')
  const validity = parts.validity ?? sequence(time(BEFORE), time(AFTER))
  const wrapped = extensions ? explicit(3, sequence(...extensions)) : Buffer.alloc(0)
  return sequence(sequence(version, serial, inner, name, validity, name, spki, uniqueId, wrapped), outer, signature)
}

function extension(id: string, value: Buffer, critical?: boolean): Buffer {
  return sequence(oid(id), ...(critical === undefined ? [] : [boolean(critical)]), octetString(value))
}

test('critical extensions that nothing enforces are listed, others are not', () => {
  const certificate = parseCertificate(
    build({ extensions: [extension('1.2.3.4', nullValue(), true), extension('1.2.3.5', nullValue(), false)] }),
  )
  assert.deepEqual(certificate.unknownCritical, ['1.2.3.4'])
  assert.deepEqual(
    certificate.extensions.map(({ critical }) => critical),
    [true, false],
  )
})

test('a serial number with its first bit set has no sign, and one of 32 bytes is read', () => {
  assert.equal(parseCertificate(build({ serial: integer(0xff) })).serialNumber, 'ff')
  assert.equal(parseCertificate(build({ serial: integer(5) })).serialNumber, '05')
  assert.equal(parseCertificate(build({ serial: integer(1n << 255n) })).serialNumber, `80${'00'.repeat(31)}`)
})

const MALFORMED: readonly [name: string, parts: Parts, message: RegExp][] = [
  ['a version 4', { version: explicit(0, integer(3)) }, /^version/],
  ['version 1 with extensions', { version: Buffer.alloc(0), extensions: [extension('1.2.3', nullValue())] }, /extensions need version 3/],
  ['version 2 with extensions', { version: explicit(0, integer(1)), extensions: [extension('1.2.3', nullValue())] }, /need version 3/],
  ['version 1 with a unique identifier', { version: Buffer.alloc(0), uniqueId: Buffer.of(0x81, 2, 0, 1) }, /need version 2/],
  ['a negative serial number', { serial: integer(-1) }, /serial number negative/],
  ['a serial number of 34 bytes', { serial: integer(1n << 263n) }, /longer than/],
  ['an algorithm that differs inside', { inner: sequence(oid('1.2.840.10045.4.3.3')) }, /differs inside and outside/],
  ['an extension twice', { extensions: [extension('1.2.3', nullValue()), extension('1.2.3', nullValue())] }, /1\.2\.3 twice/],
  ['an empty list of extensions', { extensions: [] }, /empty list/],
  ['a signature of half a byte', { signature: Buffer.of(3, 2, 4, 0xf0) }, /whole bytes/],
  ['dates that are numbers', { validity: sequence(integer(1), integer(2)) }, /notBefore: not a time/],
  ['malformed basic constraints', { extensions: [extension('2.5.29.19', nullValue())] }, /basicConstraints/],
  ['a negative path length', { extensions: [extension('2.5.29.19', sequence(boolean(true), integer(-1)))] }, /basicConstraints/],
  ['an empty extended key usage', { extensions: [extension('2.5.29.37', sequence())] }, /extendedKeyUsage/],
  ['an address of 5 bytes', { extensions: [extension('2.5.29.17', sequence(Buffer.of(0x87, 5, 1, 2, 3, 4, 5)))] }, /IP address/],
  ['a NUL in a DNS name', { extensions: [extension('2.5.29.17', sequence(Buffer.of(0x82, 3, 97, 0, 98)))] }, /printable ASCII/],
]

for (const [name, parts, message] of MALFORMED)
  test(`a certificate is refused: ${name}`, () => {
    assert.throws(() => parseCertificate(build(parts)), refused('malformed', message))
  })

test('a certificate is refused that is cut off, has bytes after it, has a lax length, or is too large', () => {
  const { der } = leaf.certificate
  for (let length = 0; length < der.length; length++) assert.throws(() => parseCertificate(der.subarray(0, length)), X509Error)
  assert.throws(() => parseCertificate(Buffer.concat([der, Buffer.of(0)])), refused('malformed', /bytes after/))
  const [length, body] = [der.subarray(2, 4), der.subarray(4)]
  assert.throws(() => parseCertificate(Buffer.concat([Buffer.of(0x30, 0x83, 0), length, body])), refused('malformed', /not minimal/))
  assert.throws(() => parseCertificate(Buffer.concat([Buffer.of(0x30, 0x80), body, Buffer.alloc(2)])), refused('malformed', /indefinite/))
  assert.throws(() => parseCertificate(Buffer.alloc(65537)), refused('limit', /65536 bytes/))
  const many = Array.from({ length: 65 }, (_, index) => extension(`1.2.3.${index}`, nullValue()))
  assert.throws(() => parseCertificate(build({ extensions: many })), refused('limit', /64 extensions/))
})
