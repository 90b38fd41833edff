// Keys, certificates and the OpenSSL command for the tests of this package.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { createSelfSignedCa, issueCertificate, issueCrl, toPem, X509Error } from '../src/index.ts'
import type { Certificate, CertificateInput, ChainResult, Crl, CrlInput, SelfSignedCaInput } from '../src/index.ts'

export const BEFORE = new Date('2026-01-01T00:00:00Z')
export const AT = new Date('2026-06-01T00:00:00Z')
export const AFTER = new Date('2027-01-01T00:00:00Z')

export interface Entity {
  certificate: Certificate
  privateKey: KeyObject
}

/** Fields that differ; undefined leaves out what would be there otherwise. */
type Overrides<T> = { [Field in keyof T]?: T[Field] | undefined }
export type LeafInput = Overrides<CertificateInput> & { key?: KeyObject }

export function ecKey(namedCurve = 'P-256'): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).privateKey
}

export function rsaKey(modulusLength = 2048): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength }).privateKey
}

export function rootCa(subject = 'CN=Root', overrides: Partial<SelfSignedCaInput> = {}): Promise<Entity> {
  return createSelfSignedCa({ subject, notBefore: BEFORE, notAfter: AFTER, ...overrides })
}

/** An intermediate CA. */
export function subCa(issuer: Entity, subject: string, overrides: LeafInput = {}): Promise<Entity> {
  return leafOf(issuer, subject, { basicConstraints: { ca: true }, keyUsage: ['keyCertSign', 'cRLSign'], ...overrides })
}

/** A certificate with a new P-256 key unless one is given. */
export async function leafOf(issuer: Entity, subject: string, { key = ecKey(), ...overrides }: LeafInput = {}): Promise<Entity> {
  const input: Overrides<CertificateInput> = {
    subject,
    issuer: issuer.certificate,
    publicKey: key,
    signer: issuer.privateKey,
    notBefore: BEFORE,
    notAfter: AFTER,
    ...overrides,
  }
  return { certificate: await issueCertificate(input as CertificateInput), privateKey: key }
}

export function crlOf(issuer: Entity, revoked: readonly Certificate[], overrides: Overrides<CrlInput> = {}): Promise<Crl> {
  const input: Overrides<CrlInput> = {
    issuer: issuer.certificate,
    signer: issuer.privateKey,
    thisUpdate: BEFORE,
    nextUpdate: AFTER,
    number: 1,
    revoked: revoked.map(({ serialNumber }) => ({ serialNumber, date: BEFORE })),
    ...overrides,
  }
  return issueCrl(input as CrlInput)
}

/** Names of the failed checks, without repeats. */
export function failures({ valid, checks }: ChainResult): string[] {
  const names = [...new Set(checks.filter(({ passed, tolerated }) => !passed && !tolerated).map(({ name }) => name))]
  assert.equal(valid, names.length === 0, 'a chain is valid exactly where no check fails')
  return names
}

export function refused(code: X509Error['code'], message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof X509Error, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

/** A folder that is removed when the tests of the file are done; gives paths in it. */
export function workFolder(): (name: string, contents?: string | Uint8Array) => string {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-x509-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return (name, contents) => {
    const path = join(folder, name)
    if (contents !== undefined) writeFileSync(path, contents)
    return path
  }
}

export function pem(...items: readonly (Certificate | Crl)[]): string {
  return items.map((item) => toPem('revoked' in item ? 'X509 CRL' : 'CERTIFICATE', item.der)).join('')
}

export function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Standard output of the openssl command. */
export function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Whether the openssl command succeeds. */
export function opensslAccepts(...args: string[]): boolean {
  return spawnSync('openssl', args, { stdio: 'ignore' }).status === 0
}
