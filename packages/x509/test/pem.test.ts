import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { certificatesFromPem, crlsFromPem, parsePem, toPem } from '../src/index.ts'
import { crlOf, openssl, pem, refused, rootCa, workFolder } from './pki.ts'

const file = workFolder()
const root = await rootCa()
const crl = await crlOf(root, [])

test('blocks are written as they are read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      assert.deepEqual(parsePem(toPem('SOME THING', bytes)), [{ label: 'SOME THING', bytes: Buffer.from(bytes) }])
    }),
  )
})

test('OpenSSL reads our PEM and we read its', () => {
  const text = openssl('x509', '-in', file('root.pem', pem(root.certificate)))
  assert.equal(text, pem(root.certificate))
})

test('text between blocks, line ends of any kind and blocks of other kinds are passed over', () => {
  const text = `Bag Attributes\n${pem(root.certificate)}\nsubject=x\n${pem(crl, root.certificate)}`.replaceAll('\n', '\r\n')
  assert.equal(certificatesFromPem(text).length, 2)
  assert.equal(crlsFromPem(text).length, 1)
})

test('PEM is refused: too many blocks, none, one without its end, bad base64', () => {
  const one = pem(root.certificate)
  assert.equal(parsePem(one.repeat(100)).length, 100)
  assert.throws(() => parsePem(one.repeat(101)), refused('limit', /100 blocks/))
  assert.throws(() => certificatesFromPem(one + one, { max: 1 }), refused('limit', /1 blocks/))
  assert.throws(() => certificatesFromPem(pem(crl)), refused('malformed', /no block CERTIFICATE/))
  assert.throws(() => crlsFromPem(''), refused('malformed', /no block X509 CRL/))
  assert.throws(() => parsePem(one.slice(0, -10)), refused('malformed', /without its end/))
  assert.throws(() => parsePem(one.replace('END CERTIFICATE', 'END X509 CRL')), refused('malformed', /has not begun/))
  assert.throws(() => parsePem('-----BEGIN A-----\n-----BEGIN A-----\n'), refused('malformed', /inside another/))
  assert.throws(() => parsePem(one.replace('MII', 'M*I')), refused('malformed', /base64/))
  assert.throws(() => parsePem(toPem('A', Buffer.alloc(0))), refused('malformed', /base64/))
})

test('boundaries that never end are passed over', () => {
  for (const text of ['-----BEGIN A\n'.repeat(50_000), `-----BEGIN ${'A'.repeat(500_000)}`]) assert.deepEqual(parsePem(text), [])
})
