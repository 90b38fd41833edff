import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import {
  createSelfSignedCa,
  EKU,
  extensionOf,
  issueCertificate,
  issueCrl,
  KEY_USAGES,
  keyIdOf,
  randomSerial,
  X509Error,
} from '../src/index.ts'
import { octetString, sequence } from '@vouchsafe/der/writer'
import { AFTER, AT, BEFORE, crlOf, ecKey, leafOf, openssl, opensslAccepts, pem, refused, rootCa, rsaKey, subCa, workFolder } from './pki.ts'

const file = workFolder()
const root = await rootCa('C=DE,O=Example,CN=Root')
const AT_SECONDS = `${AT.getTime() / 1000}`

const KEYS = {
  rsa: rsaKey(),
  'rsa-pss': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey,
  'P-256': ecKey(),
  'P-384': ecKey('P-384'),
  'P-521': ecKey('P-521'),
  ed25519: generateKeyPairSync('ed25519').privateKey,
  ed448: generateKeyPairSync('ed448').privateKey,
}

for (const [name, key] of Object.entries(KEYS))
  test(`openssl verify accepts a chain and CRLs that a key of kind ${name} signed, by its strict rules`, async () => {
    const top = await rootCa('CN=Top', { privateKey: key })
    const middle = await subCa(top, 'CN=Middle', { key, basicConstraints: { ca: true, pathLength: 0 } })
    const leaf = await leafOf(middle, 'CN=leaf', {
      keyUsage: ['digitalSignature'],
      subjectAltName: [{ type: 'dns', value: 'leaf.example' }],
    })
    const crls = [await crlOf(top, [], {}), await crlOf(middle, [], { number: 2n })]
    const files = ['-CAfile', file('top.pem', pem(top.certificate)), '-untrusted', file('middle.pem', pem(middle.certificate))]
    const lists = ['-crl_check_all', '-CRLfile', file('lists.pem', pem(...crls))]
    const shown = openssl('verify', '-x509_strict', '-attime', AT_SECONDS, ...files, ...lists, file('leaf.pem', pem(leaf.certificate)))
    assert.match(shown, /leaf\.pem: OK/)
    const revoked = file('lists.pem', pem(crls[0]!, await crlOf(middle, [leaf.certificate])))
    assert.ok(!opensslAccepts('verify', '-attime', AT_SECONDS, ...files, '-crl_check_all', '-CRLfile', revoked, file('leaf.pem')))
  })

test('OpenSSL shows the extensions that were asked for', async () => {
  const { certificate } = await leafOf(root, 'CN=all', {
    serialNumber: 'ff00',
    keyUsage: KEY_USAGES,
    extendedKeyUsage: [EKU.serverAuth, EKU.tcgAikCertificate],
    subjectAltName: [
      { type: 'dns', value: 'a.example' },
      { type: 'ip', value: '2001:db8::ff' },
      { type: 'ip', value: '10.0.0.1' },
      { type: 'email', value: 'a@example.org' },
      { type: 'uri', value: 'https://a.example/' },
      { type: 'oid', value: '1.2.3.4' },
      { type: 'directory', name: 'CN=dir' },
    ],
    crlDistributionPoints: ['http://a.example/ca.crl'],
    extensions: [{ oid: '1.2.3.4.5', critical: true, value: octetString(Buffer.of(1)) }],
  })
  const shown = openssl('x509', '-in', file('all.pem', pem(certificate)), '-noout', '-text')
  for (const expected of [
    /Version: 3/,
    /Serial Number: 65280/,
    /Digital Signature, Non Repudiation, Key Encipherment, Data Encipherment, Key Agreement, Certificate Sign, CRL Sign, Encipher Only, Decipher Only/,
    /TLS Web Server Authentication, 2\.23\.133\.8\.3/,
    /DNS:a\.example, IP Address:2001:DB8:0:0:0:0:0:FF, IP Address:10\.0\.0\.1, email:a@example\.org, URI:https:\/\/a\.example\/, Registered ID:1\.2\.3\.4, DirName:\/?CN ?= ?dir/,
    /URI:http:\/\/a\.example\/ca\.crl/,
    /1\.2\.3\.4\.5: critical/,
  ])
    assert.match(shown, expected)
})

test('the key identifiers are the ones that OpenSSL computes', async () => {
  const text = openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', file('kid.key'), '-subj', '/CN=kid', '-days', '3')
  const node = new X509Certificate(text)
  const shown = openssl('x509', '-in', file('kid.pem', text), '-noout', '-ext', 'subjectKeyIdentifier')
  assert.ok(shown.replaceAll(':', '').toLowerCase().includes(keyIdOf(node.publicKey)))
})

test('version 1 has no extensions, and takes none', async () => {
  const { certificate } = await leafOf(root, 'CN=v1', { version: 1 })
  assert.equal(certificate.version, 1)
  assert.deepEqual(certificate.extensions, [])
  assert.equal(new X509Certificate(certificate.der).verify(new X509Certificate(root.certificate.der).publicKey), true)
  await assert.rejects(leafOf(root, 'CN=v1', { version: 1, keyUsage: ['digitalSignature'] }), refused('malformed', /version 1 has none/))
})

test('an issuer that is given by name leaves the authority key identifier out', async () => {
  const { certificate } = await leafOf(root, 'CN=leaf', { issuer: 'CN=Somebody' })
  assert.equal(certificate.issuer.text, 'CN=Somebody')
  assert.equal(certificate.authorityKeyId, undefined)
  assert.deepEqual(
    (await leafOf(root, 'CN=leaf', { issuer: root.certificate.subject })).certificate.issuer.raw,
    root.certificate.subject.raw,
  )
})

test('a self-signed CA has a key of its own unless one is given, and the path length asked for', async () => {
  const made = await createSelfSignedCa({ subject: 'CN=New', notBefore: BEFORE, notAfter: AFTER, pathLength: 0 })
  assert.equal(made.privateKey.asymmetricKeyType, 'ec')
  assert.deepEqual(made.certificate.basicConstraints, { ca: true, pathLength: 0 })
  assert.ok(new X509Certificate(made.certificate.der).verify(new X509Certificate(made.certificate.der).publicKey))
})

test('serial numbers drawn at random have 127 bits and differ', () => {
  const serials = Array.from({ length: 100 }, randomSerial)
  assert.equal(new Set(serials).size, 100)
  for (const serial of serials) assert.match(serial, /^[4-7][0-9a-f]{31}$/)
})

test('what has no encoding is refused', async () => {
  const base = { subject: 'CN=a', issuer: 'CN=a', publicKey: ecKey(), signer: ecKey(), notBefore: BEFORE, notAfter: AFTER }
  const custom = { oid: '1.2.3', critical: false, value: sequence() }
  for (const overrides of [
    { serialNumber: '0' },
    { serialNumber: 'xyz' },
    { serialNumber: 'ff'.repeat(20) },
    { subject: 'nonsense' },
    { basicConstraints: { ca: false, pathLength: 1 } },
    { extensions: [custom, custom] },
    { extensions: [{ ...custom, oid: '2.5.29.19' }], basicConstraints: { ca: true } },
    { subjectAltName: [{ type: 'ip' as const, value: '1.2.3' }] },
    { subjectAltName: [{ type: 'dns' as const, value: 'ä.example' }] },
    { notBefore: new Date(Number.NaN) },
  ])
    await assert.rejects(issueCertificate({ ...base, ...overrides }), X509Error, JSON.stringify(overrides))
  const publicKey = generateKeyPairSync('x25519')
  await assert.rejects(issueCertificate({ ...base, signer: publicKey.privateKey }), refused('unsupported', /no algorithm/))
  await assert.rejects(issueCertificate({ ...base, signer: publicKey.publicKey }), refused('unsupported', /not a private key/))
  const date = BEFORE
  await assert.rejects(
    issueCrl({ ...base, thisUpdate: date, revoked: [{ serialNumber: '-1', date }] }),
    refused('malformed', /serial number/),
  )
})

test('extensions of other kinds are written as they are given', async () => {
  const value = sequence(octetString(Buffer.from('fmspc')))
  const { certificate } = await leafOf(root, 'CN=pck', { extensions: [{ oid: '1.2.840.113741.1.13.1', critical: false, value }] })
  assert.deepEqual(extensionOf(certificate, '1.2.840.113741.1.13.1'), { oid: '1.2.840.113741.1.13.1', critical: false, value })
})

test('a CRL may have more entries than a call takes arguments', async () => {
  const revoked = Array.from({ length: 130_000 }, (_, index) => ({ serialNumber: (index + 1).toString(16), date: BEFORE }))
  assert.equal((await crlOf(root, [], { revoked })).revoked.size, 130_000)
})
