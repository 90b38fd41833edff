import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { EKU, parseCertificate, parseCrl, parsePem, publicKeyOf, validateChain, X509Error } from '../src/index.ts'
import type { Certificate } from '../src/index.ts'
import { AT, crlOf, leafOf, rootCa, rsaKey } from './pki.ts'

const root = await rootCa('C=DE,O=Example,CN=Root')
const leaf = await leafOf(root, 'C=DE,O=Example+OU=x,CN=leaf', {
  key: rsaKey(),
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: [EKU.clientAuth],
  subjectAltName: [
    { type: 'dns', value: 'a.example' },
    { type: 'ip', value: '::1' },
    { type: 'directory', name: 'CN=a' },
  ],
  crlDistributionPoints: ['http://example.org/a.crl'],
})
const crl = await crlOf(root, [leaf.certificate], { revoked: [{ serialNumber: '01', date: AT, reason: 'superseded' }] })

interface Mutation {
  at: number
  bytes: Uint8Array
  drop: number
}

const mutations = fc.array(fc.record<Mutation>({ at: fc.nat(2000), bytes: fc.uint8Array({ maxLength: 3 }), drop: fc.nat(3) }), {
  minLength: 1,
  maxLength: 3,
})

function mutate(der: Buffer, list: readonly Mutation[]): Buffer {
  let bytes = der
  for (const { at, bytes: inserted, drop } of list) {
    const start = at % bytes.length
    bytes = Buffer.concat([bytes.subarray(0, start), inserted, bytes.subarray(start + drop)])
    if (bytes.length === 0) return bytes
  }
  return bytes
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    assert.ok(error instanceof X509Error, `${error}`)
    return undefined
  }
}

function isReadByNode(der: Buffer): boolean {
  try {
    return new X509Certificate(der).serialNumber !== ''
  } catch {
    return false
  }
}

function assertHarmless(certificate: Certificate): void {
  const { valid } = validateChain({ leaf: certificate, candidates: [certificate], anchors: [root.certificate], at: AT, crls: [crl] })
  assert.ok(!valid || certificate.tbs.equals(leaf.certificate.tbs), 'a chain with altered contents is not valid')
  attempt(() => publicKeyOf(certificate))
}

test('altered certificates are refused or read, by no other error, and never become valid', () => {
  fc.assert(
    fc.property(mutations, (list) => {
      const der = mutate(leaf.certificate.der, list)
      const certificate = attempt(() => parseCertificate(der))
      if (certificate) assertHarmless(certificate)
    }),
    { numRuns: 3000 },
  )
})

test('single bytes altered: what we read, OpenSSL reads too, but for values in names that are no strings', () => {
  fc.assert(
    fc.property(fc.nat(leaf.certificate.der.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
      const der = Buffer.from(leaf.certificate.der)
      der[at]! ^= difference
      const certificate = attempt(() => parseCertificate(der))
      if (!certificate) return
      assertHarmless(certificate)
      const names = [...certificate.subject.attributes, ...certificate.issuer.attributes]
      assert.ok(isReadByNode(der) || names.some(({ value }) => value.startsWith('#')), `byte ${at} by ${difference}`)
    }),
    { numRuns: 3000 },
  )
})

test('altered CRLs are refused or read, by no other error, and never count as signed', () => {
  fc.assert(
    fc.property(mutations, (list) => {
      const altered = attempt(() => parseCrl(mutate(crl.der, list)))
      if (!altered || altered.tbs.equals(crl.tbs)) return
      const policy = { requireCrl: 'always' as const }
      const { valid } = validateChain({ leaf: leaf.certificate, anchors: [root.certificate], at: AT, crls: [altered], policy })
      assert.ok(!valid)
    }),
    { numRuns: 3000 },
  )
})

test('bytes of any kind are refused by the one error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, wrapped) => {
      const der = wrapped ? Buffer.concat([Buffer.of(0x30, 0x82, bytes.length >> 8, bytes.length & 0xff), bytes]) : bytes
      attempt(() => parseCertificate(der))
      attempt(() => parseCrl(der))
    }),
    { numRuns: 3000 },
  )
})

test('text of any kind is PEM or refused by the one error', () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom('-----BEGIN A-----', '-----END A-----', '-----BEGIN', '\n', 'AAAA', '='))
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      attempt(() => parsePem(pieces.join('')))
    }),
    { numRuns: 2000 },
  )
})
