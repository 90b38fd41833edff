import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { toPem } from '@vouchsafe/x509'
import { CollateralError, readCollateral, readCollateralFiles, readCollateralJson } from '../src/index.ts'
import { pemOf } from '../src/providers/simulated/collateral.ts'
import { failedChecks, makeCollateralJson, makeQuote, pki, verify } from './support/simulation.ts'

const json = await makeCollateralJson()
const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-dcap-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** The same collateral as separate files, as Intel's service answers. */
function parts(): Record<string, string | Buffer> {
  return {
    a: `{"tcbInfo":${json['tcb_info']!},"signature":"${json['tcb_info_signature']!}"}`,
    b: `{ "signature" : "${json['qe_identity_signature']!}", "enclaveIdentity" :\n${json['qe_identity']!}\n}`,
    c: pki.pckCa.certificate.der,
    d: pemOf(pki.tcbSigning.certificate, pki.root.certificate),
    e: Buffer.from(json['root_ca_crl']!, 'hex'),
    f: `${json['pck_crl']!}\n`,
  }
}

function read(files: Record<string, string | Buffer>) {
  return readCollateral(Object.entries(files).map(([name, content]) => ({ name, bytes: Buffer.from(content) })))
}

test('parts are recognised by content, whatever they are called, and signed over their exact bytes', () => {
  const collateral = read(parts())
  assert.deepEqual([collateral.broken, collateral.ignored], [[], []])
  assert.deepEqual(verify(makeQuote(), collateral).reasons, [])
  const reordered = read(Object.fromEntries(Object.entries(parts()).toReversed()))
  assert.deepEqual(verify(makeQuote(), reordered).reasons, [])
})

test('a folder and a single file are read alike', async () => {
  for (const [name, content] of Object.entries(parts())) writeFileSync(join(folder, name), content)
  writeFileSync(join(folder, 'quote.bin'), makeQuote())
  writeFileSync(join(folder, 'README'), 'What this is.')
  const fromFolder = readCollateral(await readCollateralFiles(folder))
  assert.deepEqual(verify(makeQuote(), fromFolder).reasons, [])
  assert.deepEqual(
    fromFolder.ignored.map(({ name }) => name),
    ['README', 'quote.bin'],
  )
  // As Kubernetes mounts volumes: files are links into a folder, which a link names too.
  const volume = join(folder, 'volume')
  mkdirSync(join(volume, '..2026'), { recursive: true })
  symlinkSync('..2026', join(volume, '..data'))
  for (const [name, content] of Object.entries(parts())) {
    writeFileSync(join(volume, '..2026', name), content)
    symlinkSync(join('..data', name), join(volume, name))
  }
  assert.deepEqual(verify(makeQuote(), readCollateral(await readCollateralFiles(volume))).reasons, [])
  const single = join(folder, 'single')
  writeFileSync(single, JSON.stringify(json))
  assert.deepEqual(verify(makeQuote(), readCollateral(await readCollateralFiles(single))).reasons, [])
})

test('CRLs may be PEM', () => {
  const crl = toPem('X509 CRL', Buffer.from(json['root_ca_crl']!, 'hex'))
  assert.deepEqual(verify(makeQuote(), read({ ...parts(), e: crl })).reasons, [])
  assert.deepEqual(verify(makeQuote(), readCollateralJson(JSON.stringify({ ...json, root_ca_crl: crl }))).reasons, [])
})

for (const [what, name, content] of [
  ['a certificate cut off', 'c', pki.pckCa.certificate.der.subarray(0, -1)],
  ['JSON cut off', 'a', (parts()['a'] as string).slice(0, -1)],
  ['a member twice', 'a', `{"tcbInfo":{},${(parts()['a'] as string).slice(1)}`],
  ['an escaped member that is the same', 'a', `{"tcbInf\\u006f":{},${(parts()['a'] as string).slice(1)}`],
  ['a PEM block without its end', 'd', pemOf(pki.tcbSigning.certificate).slice(0, 100)],
] as const)
  test(`collateral with ${what} is refused as broken`, () => {
    const collateral = read({ ...parts(), [name]: content })
    assert.equal(collateral.broken.length, 1)
    assert.ok(failedChecks(verify(makeQuote(), collateral)).includes('collateral-readable'))
  })

test('the names of members inside strings do not mislead', () => {
  const body = `{"note":"\\"tcbInfo\\":{","other":[{"tcbInfo":1}],${(parts()['a'] as string).slice(1)}`
  assert.deepEqual(verify(makeQuote(), read({ ...parts(), a: body })).reasons, [])
})

for (const [path, change] of [
  ['tcbInfo.version', { version: 4 }],
  ['tcbInfo.id', { id: 'SEV' }],
  ['tcbInfo.fmspc', { fmspc: '00' }],
  ['tcbInfo.issueDate', { issueDate: 'yesterday' }],
  ['tcbInfo.nextUpdate', { nextUpdate: '2026-02-30T25:00:00Z' }],
  ['tcbInfo.tcbType', { tcbType: 1 }],
  ['tcbInfo.tcbLevels', { tcbLevels: {} }],
  ['tcbInfo.tcbLevels[0]', { tcbLevels: [null] }],
  ['tcbInfo.tcbLevels[0].tcb', { tcbLevels: [{}] }],
] as const)
  test(`TCB info whose ${path} is wrong is refused by that name`, () => {
    const content = JSON.stringify({ ...(JSON.parse(json['tcb_info']!) as object), ...change })
    const { broken } = read({ a: `{"tcbInfo":${content},"signature":"${'00'.repeat(64)}"}` })
    const reason = broken[0]?.reason ?? ''
    assert.ok(reason.startsWith(`${path}: `), reason)
  })

test('an unknown status is refused rather than guessed, also one that only a verification can find', () => {
  for (const status of ['Fine', 'uptodate', 'TDRelaunchAdvised', '']) {
    const info = JSON.parse(json['tcb_info']!) as { tcbLevels: object[] }
    const content = JSON.stringify({ ...info, tcbLevels: [{ ...info.tcbLevels[0], tcbStatus: status }] })
    const { broken } = read({ a: `{"tcbInfo":${content},"signature":"${'00'.repeat(64)}"}` })
    assert.match(broken[0]!.reason, /tcbStatus: not a known TCB status/)
  }
})

test('a text that is not collateral at all is an error', () => {
  for (const text of ['', 'null', '[]', '{}', '{"tcbInfo":1', '{"other":1}']) assert.throws(() => readCollateralJson(text), CollateralError)
})

test('too many parts are refused', () => {
  const many = Array.from({ length: 201 }, (_, i) => ({ name: String(i), bytes: Buffer.from('x') }))
  assert.throws(() => readCollateral(many), { name: 'CollateralError', field: 'collateral' })
})

test('equal collateral has equal digests, other collateral another', () => {
  assert.equal(read(parts()).digest, read(parts()).digest)
  assert.notEqual(read(parts()).digest, read({ ...parts(), b: '{}' }).digest)
})

test('any text and any JSON are collateral or a CollateralError', () => {
  const members = fc.dictionary(
    fc.constantFrom(...Object.keys(json), 'tcbInfo', 'enclaveIdentity', 'signature'),
    fc.oneof(fc.string(), fc.constantFrom(...Object.values(json)), fc.jsonValue() as fc.Arbitrary<unknown>),
  )
  const source = fc.oneof(
    members.map((value) => JSON.stringify(value)),
    fc.tuple(fc.nat(json['tcb_info']!.length), fc.string({ maxLength: 3 })).map(([at, noise]) => {
      const text = parts()['a'] as string
      return text.slice(0, at) + noise + text.slice(at + noise.length)
    }),
    fc.string(),
  )
  const quote = makeQuote()
  fc.assert(
    fc.property(source, (text) => {
      const collateral = readCollateral([{ name: 'part', bytes: Buffer.from(text) }])
      assert.equal(verify(quote, collateral).accepted, false)
    }),
    { numRuns: 2000 },
  )
})
