import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { EXTENSION, issueCertificate, issueCrl, X509Error } from '@vouchsafe/x509'
import { createPlatformCache, INTEL_SGX_ROOT, parseQuote, verifyQuote } from '../src/index.ts'
import { pemOf } from '../src/providers/simulated/collateral.ts'
import { signP256 } from '../src/providers/simulated/encode-quote.ts'
import { pckExtension, SIMULATED_PCK } from '../src/providers/simulated/pki.ts'
import { readPckExtension, SGX_EXTENSION } from '../src/verify/pck-certificate.ts'
import { AT, DAY, failedChecks, foreignPki, makeCollateral, makeQuote, pki, verify } from './support/simulation.ts'
import type { CollateralJson, CollateralVariant, QuoteVariant } from './support/simulation.ts'

test('a sound quote is accepted with a full report', async () => {
  const report = verify(makeQuote(), await makeCollateral())
  assert.deepEqual(report.reasons, [])
  assert.deepEqual(
    [report.accepted, report.status, report.advisories, report.acceptedStatuses, report.fmspc, report.shortfalls],
    [true, 'UpToDate', [], ['UpToDate'], Buffer.from('SIMULA').toString('hex'), []],
  )
  assert.deepEqual(
    report.parts.map(({ part, status }) => [part, status]),
    [
      ['platform', 'UpToDate'],
      ['quoting enclave', 'UpToDate'],
    ],
  )
  const tcbInfo = report.collateral.find(({ name }) => name === 'TCB info')
  assert.deepEqual([tcbInfo?.ageDays, tcbInfo?.daysLeft], [0, 30])
  assert.ok(report.checks.length > 30 && report.checks.every(({ name, passed }) => name !== '' && passed))
})

/** Collateral in which one thing is wrong, and the checks that say so. */
const BAD_COLLATERAL: [what: string, variant: CollateralVariant, checks: string[]][] = [
  ['an expired TCB info', { documents: (d) => ({ tcbInfo: { ...d.tcbInfo, nextUpdate: '2026-02-28T23:59:59Z' } }) }, ['tcb-info-dates']],
  [
    'a TCB info of the future',
    { documents: (d) => ({ tcbInfo: { ...d.tcbInfo, issueDate: '2026-03-01T00:00:01Z' } }) },
    ['tcb-info-dates'],
  ],
  [
    'an expired QE identity',
    { documents: (d) => ({ qeIdentity: { ...d.qeIdentity, nextUpdate: '2026-02-28T00:00:00Z' } }) },
    ['qe-identity-dates'],
  ],
  ['TCB info of another FMSPC', { documents: (d) => ({ tcbInfo: { ...d.tcbInfo, fmspc: '000000000000' } }) }, ['tcb-info-fmspc']],
  ['TCB info of another PCE', { documents: (d) => ({ tcbInfo: { ...d.tcbInfo, pceId: '0100' } }) }, ['tcb-info-pce-id']],
  [
    'the identity of another quoting enclave',
    { documents: (d) => ({ qeIdentity: { ...d.qeIdentity, id: 'QVE' } }) },
    ['qe-identity-present'],
  ],
  [
    'a QE identity with another signer',
    { documents: (d) => ({ qeIdentity: { ...d.qeIdentity, mrsigner: '00'.repeat(32) } }) },
    ['qe-mrsigner'],
  ],
  ['a QE identity with another product', { documents: (d) => ({ qeIdentity: { ...d.qeIdentity, isvprodid: 2 } }) }, ['qe-isvprodid']],
  [
    'a QE identity with other attributes',
    { documents: (d) => ({ qeIdentity: { ...d.qeIdentity, attributes: '13000000000000000000000000000000' } }) },
    ['qe-attributes'],
  ],
  [
    'a QE identity with another MISCSELECT',
    { documents: (d) => ({ qeIdentity: { ...d.qeIdentity, miscselect: '00000001' } }) },
    ['qe-miscselect'],
  ],
  ['no TCB info', { json: ({ tcb_info: _gone, ...rest }) => ({ ...rest }) }, ['collateral-readable', 'tcb-info-present']],
  ['TCB info that says more than was signed', { json: (json) => ({ ...json, tcb_info: `${json['tcb_info']!} ` }) }, ['tcb-info-signature']],
  [
    'a QE identity that says more than was signed',
    { json: (json) => ({ ...json, qe_identity: ` ${json['qe_identity']!}` }) },
    ['qe-identity-signature'],
  ],
  [
    'TCB info with its signature missing',
    { json: (json) => ({ ...json, tcb_info_signature: '' }) },
    ['collateral-readable', 'tcb-info-present'],
  ],
  [
    'TCB info with another document’s signature',
    { json: (json) => ({ ...json, tcb_info_signature: json['qe_identity_signature']! }) },
    ['tcb-info-signature'],
  ],
  [
    'TCB info signed by a PCK, which is under the same root',
    {
      json: (json) => ({
        ...json,
        tcb_info_issuer_chain: pemOf(pki.pck.certificate),
        tcb_info_signature: signed(json['tcb_info']!, pki.pck.key),
      }),
    },
    ['tcb-info-signature'],
  ],
  [
    'documents signed under a foreign root of the same name',
    {
      json: (json) => {
        const chain = pemOf(foreignPki.tcbSigning.certificate)
        const key = foreignPki.tcbSigning.key
        return {
          ...json,
          tcb_info_issuer_chain: chain,
          qe_identity_issuer_chain: chain,
          tcb_info_signature: signed(json['tcb_info']!, key),
          qe_identity_signature: signed(json['qe_identity']!, key),
        }
      },
    },
    ['tcb-signing-chain-anchor', 'collateral-certificates'],
  ],
  [
    'a foreign certificate among its own',
    { json: (json) => ({ ...json, pck_crl_issuer_chain: json['pck_crl_issuer_chain']! + pemOf(foreignPki.root.certificate) }) },
    ['collateral-certificates'],
  ],
  ['a revoked PCK', { documents: () => ({ revokedByPckCa: [entry(pki.pck.certificate.serialNumber)] }) }, ['pck-revocation']],
  ['a revoked PCK CA', { documents: () => ({ revokedByRoot: [entry(pki.pckCa.certificate.serialNumber)] }) }, ['pck-revocation']],
  [
    'a revoked TCB signer',
    { documents: () => ({ revokedByRoot: [entry(pki.tcbSigning.certificate.serialNumber)] }) },
    ['tcb-signing-revocation'],
  ],
]

for (const [what, variant, checks] of BAD_COLLATERAL)
  test(`collateral with ${what} is refused`, async () => {
    const report = verify(makeQuote(), await makeCollateral(variant))
    assert.equal(report.accepted, false)
    for (const name of checks) assert.ok(failedChecks(report).includes(name), `${name}: ${report.reasons.join('; ')}`)
    assert.ok(report.reasons.some((reason) => reason.startsWith(checks[0]!)))
  })

/** An issuing distribution point (RFC 5280 §5.2.5). */
const ATTRIBUTES_ONLY = { oid: EXTENSION.issuingDistributionPoint, critical: true, value: Buffer.from('30038501ff', 'hex') }

for (const [member, issuer] of [
  ['root_ca_crl', 'root'],
  ['pck_crl', 'pckCa'],
] as const) {
  const other = (json: CollateralJson) => json[member === 'pck_crl' ? 'root_ca_crl' : 'pck_crl']!
  const reissued = (at: Date, from = pki, extra = {}) =>
    issueCrl({ issuer: from[issuer].certificate, signer: from[issuer].key, thisUpdate: at, number: 2, revoked: [], ...extra })
  const CASES: [what: string, change: (json: CollateralJson) => CollateralJson | Promise<CollateralJson>, check: string][] = [
    ['absent', ({ [member]: _gone, ...rest }) => rest, 'crl-signature'],
    ['empty', (json) => ({ ...json, [member]: '' }), 'crl-signature'],
    ['the other one', (json) => ({ ...json, [member]: other(json) }), 'crl-signature'],
    ['not a CRL', (json) => ({ ...json, [member]: '3003020101' }), 'crl-signature'],
    ['tampered with', (json) => ({ ...json, [member]: flipped(json[member]!, json[member]!.length - 10) }), 'crl-signature'],
    [
      'of a foreign issuer of the same name',
      async (json) => ({ ...json, [member]: hex(await reissued(AT, foreignPki, { nextUpdate: later(1) })) }),
      'crl-signature',
    ],
    ['expired', async (json) => ({ ...json, [member]: hex(await reissued(later(-30), pki, { nextUpdate: later(-1) })) }), 'crl-dates'],
    ['not valid yet', async (json) => ({ ...json, [member]: hex(await reissued(later(1), pki, { nextUpdate: later(2) })) }), 'crl-dates'],
    ['without an end', async (json) => ({ ...json, [member]: hex(await reissued(AT)) }), 'crl-dates'],
    [
      'signed by another key of the PKI',
      async (json) => ({ ...json, [member]: hex(await reissued(AT, pki, { nextUpdate: later(1), signer: pki.tcbSigning.key })) }),
      'crl-signature',
    ],
    [
      'without a key identifier',
      async (json) => ({
        ...json,
        [member]: hex(await reissued(AT, pki, { nextUpdate: later(1), issuer: pki[issuer].certificate.subject })),
      }),
      'crl-signature',
    ],
    [
      'for attribute certificates only',
      async (json) => ({ ...json, [member]: hex(await reissued(AT, pki, { nextUpdate: later(1), extensions: [ATTRIBUTES_ONLY] })) }),
      'crl-signature',
    ],
  ]
  for (const [what, change, check] of CASES)
    test(`collateral whose ${member} is ${what} is refused`, async () => {
      const report = verify(makeQuote(), await makeCollateral({ json: change }))
      assert.equal(report.accepted, false)
      assert.ok(failedChecks(report).includes(`pck-${check}`), report.reasons.join('; '))
    })
}

const BAD_QUOTES: [what: string, variant: QuoteVariant, check: string][] = [
  ['of an enclave in debug mode', { enclave: { attributes: Buffer.from('0700000000000000e700000000000000', 'hex') } }, 'debug-mode'],
  ['whose quoting enclave has another signer', { qe: { mrSigner: Buffer.alloc(32) } }, 'qe-mrsigner'],
  [
    'whose quoting enclave is in debug mode',
    { qe: { attributes: Buffer.from('1300000000000000e700000000000000', 'hex') } },
    'qe-attributes',
  ],
  ['whose quoting enclave is older than every level', { qe: { isvSvn: 7 } }, 'qe-tcb-level'],
  ['whose quoting enclave’s report another key signed', { fields: { pckKey: foreignPki.pck.key } }, 'qe-report-signature'],
  ['of a foreign PKI of the same names', { pki: foreignPki }, 'pck-chain-anchor'],
  [
    'without certificates, where the collateral has none either',
    { fields: { certification: { type: 1, data: Buffer.alloc(36) } } },
    'pck-certificate',
  ],
  [
    'whose chain has no PCK',
    { fields: { certification: { type: 5, data: Buffer.from(pemOf(pki.pckCa.certificate)) } } },
    'pck-certificate',
  ],
  [
    'whose chain is not PEM',
    { fields: { certification: { type: 5, data: Buffer.from('-----BEGIN CERTIFICATE-----') } } },
    'quote-certificates',
  ],
  [
    'whose chain ends in a foreign root',
    {
      fields: {
        certification: { type: 5, data: Buffer.from(pemOf(pki.pck.certificate, pki.pckCa.certificate, foreignPki.root.certificate)) },
      },
    },
    'quote-certificates',
  ],
]

for (const [what, variant, check] of BAD_QUOTES)
  test(`a quote ${what} is refused`, async () => {
    const report = verify(makeQuote(variant), await makeCollateral())
    assert.equal(report.accepted, false)
    assert.ok(failedChecks(report).includes(check), report.reasons.join('; '))
  })

test('report data of the quoting enclave must be the hash of its key, followed by zeros', async () => {
  const quote = makeQuote({ fields: { qeAuthData: Buffer.alloc(32, 5) } })
  const changed = Buffer.from(quote)
  const authData = 48 + 384 + 4 + 64 + 64 + 384 + 64 + 2
  changed[authData]! ^= 1
  assert.deepEqual(failedChecks(verify(changed, await makeCollateral())), ['qe-report-binding'])
})

test('the SGX extension of a PCK certificate is read from strict DER alone', () => {
  const { value } = pckExtension(SIMULATED_PCK)
  const read = (der: Buffer) =>
    readPckExtension({ ...pki.pck.certificate, extensions: [{ oid: SGX_EXTENSION, critical: false, value: der }] }).fmspc.toString()
  assert.equal(read(value), 'SIMULA')
  const body = value.subarray(4)
  for (const [der, message] of [
    [Buffer.concat([value, Buffer.of(0)]), /bytes after the end/],
    [Buffer.concat([Buffer.of(0x30, 0x83, 0), value.subarray(2)]), /not minimal/],
    [Buffer.concat([Buffer.of(0x30, 0x80), body, Buffer.alloc(2)]), /indefinite/],
  ] as const)
    assert.throws(
      () => read(der),
      (error) => error instanceof X509Error && message.test(error.message),
    )
})

test('a quote of another vendor is refused', async () => {
  const quote = makeQuote()
  quote[12]! ^= 1
  assert.ok(failedChecks(verify(quote, await makeCollateral())).includes('qe-vendor'))
})

test('only Intel’s root is trusted unless others are given', async () => {
  const quote = parseQuote(makeQuote())
  const collateral = await makeCollateral()
  const report = verifyQuote(quote, { collateral, at: AT })
  assert.deepEqual([report.accepted, report.status], [false, null])
  assert.ok(failedChecks(report).includes('pck-chain-anchor'))
  assert.ok(verifyQuote(quote, { collateral, at: AT, roots: [INTEL_SGX_ROOT, pki.root.certificate] }).accepted)
})

test('the root built in is Intel’s, by its fingerprint', () => {
  const fingerprint = createHash('sha256').update(INTEL_SGX_ROOT.der).digest('hex')
  assert.equal(fingerprint, '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3')
  assert.ok(INTEL_SGX_ROOT.subject.text.includes('Intel SGX Root CA'))
})

test('debug mode is accepted only when asked for', async () => {
  const quote = makeQuote({ enclave: { attributes: Buffer.from('0700000000000000e700000000000000', 'hex') } })
  const collateral = await makeCollateral()
  assert.equal(verify(quote, collateral).status, 'UpToDate')
  assert.ok(verify(quote, collateral, { allowDebug: true }).accepted)
})

test('a PCK certificate from the collateral serves quotes that carry none', async () => {
  const collateral = await makeCollateral({
    json: (json) => ({ ...json, pck_certificate_chain: pemOf(pki.pck.certificate, pki.pckCa.certificate) }),
  })
  for (const type of [1, 2, 3, 7])
    assert.deepEqual(verify(makeQuote({ fields: { certification: { type, data: Buffer.alloc(36) } } }), collateral).reasons, [])
})

test('a quote with only its PCK certificate is completed from the collateral', async () => {
  const quote = makeQuote({ fields: { certification: { type: 4, data: Buffer.from(pemOf(pki.pck.certificate)) } } })
  assert.deepEqual(verify(quote, await makeCollateral()).reasons, [])
})

for (const [what, subject, extensions] of [
  ['another role', 'CN=Vouchsafe Simulated SGX Something', [pckExtension(SIMULATED_PCK)]],
  ['a broken SGX extension', 'CN=SGX PCK Certificate', [{ ...pckExtension(SIMULATED_PCK), value: Buffer.from([0x30, 0]) }]],
] as const)
  test(`a leaf with ${what} is not taken for a PCK`, async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const certificate = await issueCertificate({
      subject,
      issuer: pki.pckCa.certificate,
      signer: pki.pckCa.key,
      publicKey: privateKey,
      notBefore: AT,
      notAfter: later(30),
      extensions: [...extensions],
    })
    const data = Buffer.from(pemOf(certificate, pki.pckCa.certificate, pki.root.certificate))
    const report = verify(makeQuote({ fields: { pckKey: privateKey, certification: { type: 5, data } } }), await makeCollateral())
    assert.equal(report.accepted, false)
    assert.ok(failedChecks(report).some((name) => name === 'pck-role' || name === 'pck-certificate'))
  })

test('neither keys of other kinds nor a crowd of certificates keep a verification busy', async () => {
  const crowd = async (namedCurve: string, size: number) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve })
    const ca = { subject: pki.pckCa.certificate.subject, basicConstraints: { ca: true }, publicKey: privateKey, signer: privateKey }
    const issue = () => issueCertificate({ ...ca, issuer: ca.subject, notBefore: AT, notAfter: later(30) })
    return pemOf(...(await Promise.all(Array.from({ length: size }, issue))))
  }
  const lastOf = async (certificates: string) => {
    const collateral = await makeCollateral({ json: (json) => ({ ...json, pck_crl_issuer_chain: certificates }) })
    const own = { privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, subject: 'CN=SGX PCK Certificate' }
    const leaf = await issueCertificate({
      subject: own.subject,
      issuer: pki.pckCa.certificate.subject,
      signer: own.privateKey,
      publicKey: own.privateKey,
      notBefore: AT,
      notAfter: later(30),
      extensions: [pckExtension(SIMULATED_PCK)],
    })
    const quote = makeQuote({ fields: { certification: { type: 5, data: Buffer.from(pemOf(leaf)) } } })
    return verify(quote, collateral).checks.findLast(({ name }) => name === 'pck-chain-anchor')
  }
  const { found: other } = (await lastOf(await crowd('P-384', 2)))!
  assert.equal(other, 'no certificate of that issuer')
  const { expected, found } = (await lastOf(await crowd('P-256', 20)))!
  assert.deepEqual([expected, found], ['a path to a trusted certificate within 16 signatures', 'gave up'])
})

test('a remembered platform is not used past its collateral, under other roots, or with other collateral', async () => {
  const cache = createPlatformCache()
  const quote = makeQuote()
  const collateral = await makeCollateral()
  const revoked = await makeCollateral({ documents: () => ({ revokedByPckCa: [entry(pki.pck.certificate.serialNumber)] }) })
  assert.ok(verify(quote, collateral, { cache }).accepted)
  assert.ok(verify(quote, collateral, { cache }).accepted)
  assert.equal(verify(quote, collateral, { cache, at: later(31) }).accepted, false)
  assert.equal(verify(quote, collateral, { cache, at: later(-1) }).accepted, false)
  assert.equal(verify(quote, collateral, { cache, roots: [INTEL_SGX_ROOT] }).accepted, false)
  assert.equal(verify(quote, revoked, { cache }).accepted, false)
  const forged = Buffer.from(quote)
  forged[100]! ^= 1
  assert.deepEqual(failedChecks(verify(forged, collateral, { cache })), ['quote-signature'])
})

test('remembering and not remembering give the same report', async () => {
  const cache = createPlatformCache()
  const collateral = await makeCollateral()
  verify(makeQuote(), collateral, { cache })
  const at = later(3)
  assert.deepEqual(verify(makeQuote(), collateral, { cache, at }).checks.length, verify(makeQuote(), collateral, { at }).checks.length)
  const ages = (report: ReturnType<typeof verify>) => report.collateral.map(({ daysLeft }) => daysLeft)
  assert.deepEqual(ages(verify(makeQuote(), collateral, { cache, at })), ages(verify(makeQuote(), collateral, { at })))
})

function entry(serialNumber: string) {
  return { serialNumber, date: AT, reason: 'keyCompromise' } as const
}

function signed(text: string, key: typeof pki.pck.key): string {
  return signP256(Buffer.from(text), key).toString('hex')
}

function later(days: number): Date {
  return new Date(AT.getTime() + days * DAY)
}

function hex({ der }: { der: Buffer }): string {
  return der.toString('hex')
}

function flipped(digits: string, index: number): string {
  return `${digits.slice(0, index)}${((Number.parseInt(digits[index]!, 16) + 1) % 16).toString(16)}${digits.slice(index + 1)}`
}
