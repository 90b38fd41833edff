import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bitString, boolean, encodeDer, explicit, integer, octetString, oid, sequence, time } from '@vouchsafe/der/writer'
import { crlParser, crlProblem, crlsFromPem, nameFromText, parseCrl, REVOCATION_REASONS, X509Error } from '../src/index.ts'
import type { RevokedEntry } from '../src/index.ts'
import { AFTER, AT, BEFORE, crlOf, keyPem, leafOf, openssl, opensslAccepts, pem, refused, rootCa, workFolder } from './pki.ts'

const file = workFolder()
const root = await rootCa('CN=CRL root')

test('a CRL is read into plain data, its entries by serial number', async () => {
  const revoked: RevokedEntry[] = REVOCATION_REASONS.flatMap((reason, code) =>
    reason ? [{ serialNumber: (code + 1).toString(16).padStart(2, '0'), date: AT, reason }] : [],
  )
  const crl = await crlOf(root, [], { number: 7, revoked: [...revoked, { serialNumber: 'ff01', date: BEFORE }] })
  assert.equal(crl.version, 2)
  assert.equal(crl.issuer.text, 'CN=CRL root')
  assert.deepEqual([crl.thisUpdate, crl.nextUpdate], [BEFORE, AFTER])
  assert.equal(crl.number, 7n)
  assert.equal(crl.authorityKeyId?.keyId, root.certificate.subjectKeyId)
  assert.deepEqual([...crl.revoked.values()], [...revoked, { serialNumber: 'ff01', date: BEFORE }])
  assert.equal(crl.revoked.get('ff02'), undefined)
  assert.deepEqual(crl.unknownCritical, [])
})

test('a CRL without entries, number and next update is read', () => {
  const crl = parseCrl(build({ version: Buffer.alloc(0) }))
  assert.equal(crl.version, 1)
  assert.deepEqual([crl.thisUpdate, crl.nextUpdate, crl.number, crl.revoked.size], [BEFORE, undefined, undefined, 0])
})

test('OpenSSL accepts our CRL and shows its entries', async () => {
  const { certificate } = await leafOf(root, 'CN=revoked', { serialNumber: '0badcafe' })
  const crl = await crlOf(root, [], { number: 9, revoked: [{ serialNumber: certificate.serialNumber, date: AT, reason: 'keyCompromise' }] })
  const path = file('ours.crl', pem(crl))
  assert.ok(opensslAccepts('crl', '-in', path, '-noout', '-CAfile', file('root.pem', pem(root.certificate))))
  const shown = openssl('crl', '-in', path, '-noout', '-text')
  for (const expected of [/Serial Number: 0BADCAFE/, /Key Compromise/, /CRL Number: *\n *9/, /Last Update: Jan +1 00:00:00 2026/])
    assert.match(shown, expected)
})

test("we read OpenSSL's CRL, and it verifies", () => {
  file('index.txt', 'R\t270101000000Z\t260301000000Z,superseded\t1F\tunknown\t/CN=a\nR\t270101000000Z\t260302000000Z\t20\tunknown\t/CN=b\n')
  const config = `[ca]\ndefault_ca=d\n[d]\ndatabase=${file('index.txt')}\ncrlnumber=${file('number', '0A\n')}\ndefault_md=sha384\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n`
  const args = ['-keyfile', file('ca.key', keyPem(root.privateKey)), '-cert', file('ca.pem', pem(root.certificate)), '-crldays', '30']
  openssl('ca', '-gencrl', '-config', file('ca.cnf', config), ...args, '-out', file('theirs.crl'))
  const crl = crlsFromPem(openssl('crl', '-in', file('theirs.crl')))[0]!
  assert.equal(crl.number, 10n)
  assert.deepEqual(
    [...crl.revoked.values()],
    [
      { serialNumber: '1f', date: new Date('2026-03-01T00:00:00Z'), reason: 'superseded' },
      { serialNumber: '20', date: new Date('2026-03-02T00:00:00Z') },
    ],
  )
  assert.equal(crlProblem(crl, root.certificate), undefined)
})

test('why a CRL is not an issuer’s is said', async () => {
  const crl = await crlOf(root, [])
  const other = await rootCa('CN=other')
  const sameName = await rootCa('CN=CRL root')
  const notCa = await leafOf(root, 'CN=CRL root', { keyUsage: ['cRLSign'] })
  const mayNot = await leafOf(root, 'CN=CRL root', { basicConstraints: { ca: true }, keyUsage: ['keyCertSign'] })
  assert.match(crlProblem(crl, other.certificate) ?? '', /issuer is CN=CRL root/)
  assert.match(crlProblem(crl, sameName.certificate) ?? '', /another of the issuer's keys/)
  assert.match(crlProblem(crl, notCa.certificate) ?? '', /not a CA/)
  assert.match(crlProblem(crl, mayNot.certificate) ?? '', /may not sign CRLs/)
  const unnamed = await crlOf(root, [], { issuer: root.certificate.subject })
  assert.equal(crlProblem(unnamed, root.certificate), undefined)
  assert.match(crlProblem(unnamed, sameName.certificate) ?? '', /does not verify/)
  const unknown = await crlOf(root, [], { extensions: [{ oid: '1.2.3', critical: true, value: sequence() }] })
  assert.match(crlProblem(unknown, root.certificate) ?? '', /unknown critical extension 1\.2\.3/)
})

interface Parts {
  version?: Buffer
  entries?: Buffer[]
  extensions?: Buffer[]
}

const ALGORITHM = sequence(oid('1.2.840.10045.4.3.2'))

function build({ version = integer(1), entries, extensions }: Parts): Buffer {
  const list = entries ? [sequence(...entries)] : []
  const wrapped = extensions ? [explicit(0, sequence(...extensions))] : []
  return sequence(
    sequence(version, ALGORITHM, nameFromText('CN=built'), time(BEFORE), ...list, ...wrapped),
    ALGORITHM,
    bitString(Buffer.alloc(8)),
  )
}

function extension(id: string, value: Buffer, critical: boolean): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))
}

test('a list of changes, and an entry for another issuer, make a CRL one that is not relied on', () => {
  const delta = parseCrl(build({ extensions: [extension('2.5.29.27', integer(1), false)] }))
  assert.deepEqual(delta.unknownCritical, ['2.5.29.27'])
  const issuer = sequence(explicit(4, nameFromText('CN=other')))
  const indirect = parseCrl(build({ entries: [sequence(integer(1), time(AT), sequence(extension('2.5.29.29', issuer, true)))] }))
  assert.deepEqual(indirect.unknownCritical, ['2.5.29.29'])
})

test('the first entry counts where a serial number comes twice', () => {
  const released = sequence(extension('2.5.29.21', encodeDer(0x0a, Buffer.of(8)), false))
  const crl = parseCrl(build({ entries: [sequence(integer(1), time(AT)), sequence(integer(1), time(BEFORE), released)] }))
  assert.deepEqual([...crl.revoked.values()], [{ serialNumber: '01', date: AT }])
})

test('a CRL is refused: malformed in any part, or beyond the limits', () => {
  const reason = (code: number): Buffer =>
    sequence(integer(1), time(AT), sequence(extension('2.5.29.21', encodeDer(0x0a, Buffer.of(code)), false)))
  const cases: [Parts, RegExp][] = [
    [{ version: integer(2) }, /^version/],
    [{ version: Buffer.alloc(0), extensions: [extension('2.5.29.20', integer(1), false)] }, /extensions need version 2/],
    [{ entries: [reason(7)] }, /reasonCode/],
    [{ entries: [reason(11)] }, /reasonCode/],
    [{ entries: [sequence(integer(-1), time(AT))] }, /serial number negative/],
    [{ entries: [sequence(integer(1), integer(2))] }, /revocationDate/],
    [{ entries: [sequence(integer(1), time(AT), integer(1))] }, /revokedCertificates/],
    [{ extensions: [extension('2.5.29.20', integer(-1), false)] }, /crlNumber/],
    [{ extensions: [extension('2.5.29.28', integer(1), true)] }, /issuingDistributionPoint/],
  ]
  for (const [parts, message] of cases) assert.throws(() => parseCrl(build(parts)), refused('malformed', message))
  const three = build({ entries: [1, 2, 3].map((serial) => sequence(integer(serial), time(AT))) })
  assert.equal(parseCrl(three, { maxEntries: 3 }).revoked.size, 3)
  assert.throws(() => parseCrl(three, { maxEntries: 2 }), refused('limit', /2 entries/))
  assert.throws(() => parseCrl(three, { maxBytes: 100 }), refused('limit', /100 bytes/))
  for (let length = 0; length < three.length; length++) assert.throws(() => parseCrl(three.subarray(0, length)), X509Error)
})

test('entries of a large CRL are all found', () => {
  const entries = Array.from({ length: 20_000 }, (_, index) => sequence(integer(index + 1), time(AT)))
  const der = build({ entries })
  const crl = parseCrl(der)
  assert.equal(crl.revoked.size, 20_000)
  assert.ok(crl.revoked.has('4e20') && !crl.revoked.has('4e21'))
  const parser = crlParser(der)
  let steps = 0
  let step = parser.next()
  for (; !step.done; step = parser.next()) steps++
  assert.deepEqual(step.value, crl)
  assert.equal(steps, 200)
})
