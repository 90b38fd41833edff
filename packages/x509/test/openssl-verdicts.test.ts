// The same verdicts as `openssl verify` over a table of good and bad chains. Where we are stricter on purpose, the table says so.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sequence } from '@vouchsafe/der/writer'
import { parseCertificate, validateChain } from '../src/index.ts'
import type { Certificate, ChainPolicy, Crl } from '../src/index.ts'
import { AFTER, AT, BEFORE, crlOf, leafOf, opensslAccepts, pem, rootCa, rsaKey, subCa, workFolder } from './pki.ts'
import type { Entity, LeafInput } from './pki.ts'

const file = workFolder()
const root = await rootCa()
const LATE = new Date('2026-09-01T00:00:00Z')

interface Case {
  name: string
  valid: boolean
  leaf: Certificate
  candidates?: Certificate[]
  anchors?: Certificate[]
  crls?: Crl[]
  at?: Date
  policy?: ChainPolicy
  /** OpenSSL accepts what we refuse. */
  stricter?: true
}

async function under(
  root: Entity,
  middle: LeafInput = {},
  leaf: LeafInput = {},
): Promise<Pick<Case, 'leaf' | 'candidates'> & { sub: Entity }> {
  const sub = await subCa(root, 'CN=Sub', middle)
  return { leaf: (await leafOf(sub, 'CN=end', leaf)).certificate, candidates: [sub.certificate], sub }
}

function corrupted({ der }: Certificate): Certificate {
  const altered = Buffer.from(der)
  altered[altered.length - 1]! ^= 1
  return parseCertificate(altered)
}

const plain = await under(root)
const critical = { extensions: [{ oid: '1.2.3.4', critical: true, value: sequence() }] }
const limited = await rootCa('CN=Limited', { pathLength: 0 })
const sha1Root = await rootCa('CN=RSA', { privateKey: rsaKey() })
const other = await rootCa('CN=Other')
const fakeMiddle = await subCa(other, 'CN=Sub')
const crossed = await subCa(other, 'CN=Root', { key: root.privateKey })
const rootList = await crlOf(root, [])
const always: ChainPolicy = { requireCrl: 'always', refuseStaleCrl: true }
const lists = async (...overrides: Parameters<typeof crlOf> extends [unknown, ...infer Rest] ? Rest : never): Promise<Crl[]> => [
  rootList,
  await crlOf(plain.sub, ...overrides),
]

const CASES: Case[] = [
  { name: 'a leaf, an intermediate, a root', valid: true, ...plain },
  { name: 'a leaf under the root', valid: true, leaf: (await leafOf(root, 'CN=end')).certificate },
  { name: 'an RSA root', valid: true, leaf: (await leafOf(sha1Root, 'CN=end')).certificate, anchors: [sha1Root.certificate] },
  { name: 'a missing intermediate', valid: false, leaf: plain.leaf },
  { name: 'another root', valid: false, ...plain, anchors: [other.certificate] },
  {
    name: 'the root only among the candidates',
    valid: false,
    leaf: plain.leaf,
    candidates: [...plain.candidates!, root.certificate],
    anchors: [other.certificate],
  },
  {
    name: 'a cross-signed root',
    valid: true,
    leaf: plain.leaf,
    candidates: [...plain.candidates!, crossed.certificate],
    anchors: [other.certificate],
  },
  {
    name: 'an intermediate of the same name by another root',
    valid: false,
    leaf: plain.leaf,
    candidates: [fakeMiddle.certificate],
    anchors: [root.certificate, other.certificate],
  },
  { name: 'a corrupted leaf', valid: false, ...plain, leaf: corrupted(plain.leaf) },
  { name: 'a corrupted intermediate', valid: false, ...plain, candidates: plain.candidates!.map(corrupted) },
  { name: 'an expired leaf', valid: false, ...(await under(root, {}, { notAfter: AT })), at: LATE },
  { name: 'an expired intermediate', valid: false, ...(await under(root, { notAfter: AT })), at: LATE },
  { name: 'an intermediate that is not valid yet', valid: false, ...(await under(root, { notBefore: LATE })) },
  { name: 'a leaf that is not valid yet', valid: false, ...(await under(root, {}, { notBefore: LATE })) },
  { name: 'an expired root', valid: false, ...plain, at: new Date(AFTER.getTime() + 1000) },
  { name: 'the first second', valid: true, ...plain, at: BEFORE },
  { name: 'an intermediate that is no CA', valid: false, ...(await under(root, { basicConstraints: { ca: false } })) },
  { name: 'an intermediate without basic constraints', valid: false, ...(await under(root, { basicConstraints: undefined })) },
  { name: 'an intermediate that may not sign certificates', valid: false, ...(await under(root, { keyUsage: ['digitalSignature'] })) },
  { name: 'an intermediate without key usage', valid: true, ...(await under(root, { keyUsage: undefined })) },
  {
    name: 'an intermediate of version 1',
    valid: false,
    ...(await under(root, { version: 1, basicConstraints: undefined, keyUsage: undefined })),
  },
  { name: 'a leaf of version 1', valid: true, ...(await under(root, {}, { version: 1 })) },
  {
    name: 'a leaf where the root allows no intermediate',
    valid: true,
    leaf: (await leafOf(limited, 'CN=end')).certificate,
    anchors: [limited.certificate],
  },
  { name: 'an intermediate too many', valid: false, ...(await under(limited)), anchors: [limited.certificate] },
  { name: 'an unknown critical extension in the leaf', valid: false, ...(await under(root, {}, critical)) },
  { name: 'an unknown critical extension in the intermediate', valid: false, ...(await under(root, critical)) },
  {
    name: 'a critical extended key usage',
    valid: true,
    ...(await under(
      root,
      {},
      { extensions: [{ oid: '2.5.29.37', critical: true, value: sequence(Buffer.from('06082b06010505070302', 'hex')) }] },
    )),
  },
  { name: 'names that differ by case', valid: true, ...(await under(root, { issuer: 'CN=rOOT' })) },
  { name: 'a leaf that is a CA', valid: false, leaf: plain.candidates![0]!, stricter: true },
  {
    name: 'a CA with empty name constraints',
    valid: false,
    ...(await under(root, {
      extensions: [{ oid: '2.5.29.30', critical: true, value: sequence(Buffer.from('a00d300b82096578616d706c652e63', 'hex')) }],
    })),
    stricter: true,
  },
  { name: 'CRLs of all, nothing revoked', valid: true, ...plain, crls: await lists([]), policy: always },
  { name: 'a revoked leaf', valid: false, ...plain, crls: await lists([plain.leaf]), policy: always },
  {
    name: 'a revoked intermediate',
    valid: false,
    ...plain,
    crls: [await crlOf(root, plain.candidates!), await crlOf(plain.sub, [])],
    policy: always,
  },
  { name: 'a missing CRL', valid: false, ...plain, crls: [rootList], policy: always },
  {
    name: 'a CRL past its date',
    valid: false,
    ...plain,
    crls: await lists([], { nextUpdate: new Date('2026-03-01T00:00:00Z') }),
    policy: always,
  },
  { name: 'a CRL from the future', valid: false, ...plain, crls: await lists([], { thisUpdate: LATE }), policy: always },
  { name: 'a CRL without a next update', valid: true, ...plain, crls: await lists([], { nextUpdate: undefined }), policy: always },
  {
    name: 'a CRL by another key',
    valid: false,
    ...plain,
    crls: [rootList, await crlOf({ ...plain.sub, privateKey: other.privateKey }, [])],
    policy: always,
  },
  { name: 'a CRL with an unknown critical extension', valid: false, ...plain, crls: await lists([], critical), policy: always },
]

for (const [
  index,
  { name, valid, leaf, candidates = [], anchors = [root.certificate], crls = [], at = AT, policy = {}, stricter },
] of CASES.entries())
  test(`openssl verify and we ${valid ? 'accept' : stricter ? 'differ on' : 'refuse'}: ${name}`, () => {
    const write = (kind: string, items: readonly (Certificate | Crl)[]): string => file(`${index}-${kind}.pem`, pem(...items))
    const args = ['-attime', `${at.getTime() / 1000}`, '-CAfile', write('anchors', anchors), '-no-CApath']
    if (candidates.length > 0) args.push('-untrusted', write('candidates', candidates))
    if (crls.length > 0) args.push('-crl_check_all', '-CRLfile', write('crls', crls))
    // OpenSSL wants a list for the root too; its own list is the one that its children have.
    assert.equal(opensslAccepts('verify', ...args, write('leaf', [leaf])), valid || stricter === true, 'openssl')
    assert.equal(validateChain({ leaf, candidates, anchors, crls, at, policy }).valid, valid, 'we')
  })
