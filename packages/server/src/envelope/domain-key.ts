import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { Runtime } from '../foundation/index.ts'
import { ROW_KEY_INFO, type DomainKeyRow } from '../storage/index.ts'
import { SealError, unwrap, wrap, type RootKey } from '../root-key/index.ts'

const KEY_BYTES = 32

/** The row of a new domain key. */
export function newDomainKey(root: RootKey, version: number, active: boolean, runtime: Runtime): DomainKeyRow {
  const bytes = runtime.randomBytes(KEY_BYTES)
  const row = wrapDomainKey(root, { version, createdAt: runtime.now(), active }, bytes, runtime)
  bytes.fill(0)
  return row
}

/** The row of a domain key whose bytes exist already. */
export function wrapDomainKey(
  root: RootKey,
  attributes: Pick<DomainKeyRow, 'version' | 'createdAt' | 'active'>,
  bytes: Uint8Array,
  runtime: Runtime,
): DomainKeyRow {
  const wrapped = wrap(root.key, identity(attributes.version), bytes, runtime)
  const key = createSecretKey(bytes)
  const { version, createdAt, active } = attributes
  const row = { version, createdAt, active, rootKeyId: root.id, wrapped, checkValue: checkValue(key) }
  return { ...row, mac: domainKeyMac(key, row) }
}

/**
 * The bytes of a domain key; the caller zeroes them.
 * @param where the root key, for messages
 * @throws {SealError} if it is another root key, or the row was altered
 */
export function unwrapDomainKey(root: RootKey, row: DomainKeyRow, where: string): Buffer {
  if (row.rootKeyId !== root.id) {
    throw new SealError(`the root key ${where} has id ${root.id}, but this store is sealed by ${row.rootKeyId}: put the right file back`)
  }
  const bytes = unwrap(root.key, identity(row.version), row.wrapped)
  if (!bytes) throw new SealError(`the root key ${where} does not open this store: it was altered, or the store was`)
  const given = Buffer.from(row.checkValue.padEnd(16).slice(0, 16))
  if (bytes.length !== KEY_BYTES || !timingSafeEqual(Buffer.from(checkValue(createSecretKey(bytes))), given)) {
    bytes.fill(0)
    throw new SealError(`domain key ${row.version} fails its key check value: the store was altered`)
  }
  return bytes
}

/**
 * What authenticates a domain key's row, whether it may seal included: HMAC-SHA-256 under a key that HKDF-SHA-256 derives from the domain key,
 * over the JSON of the columns.
 */
export function domainKeyMac(key: KeyObject, row: Omit<DomainKeyRow, 'mac'>): Uint8Array {
  const { version, rootKeyId, wrapped, checkValue, createdAt, active } = row
  const columns = [version, rootKeyId, Buffer.from(wrapped).toString('base64'), checkValue, createdAt, active]
  return new Uint8Array(createHmac('sha256', derived(key, 'vouchsafe domain key row v1')).update(JSON.stringify(columns)).digest())
}

/** @throws {SealError} for a row that was altered */
export function verifyDomainKey(key: KeyObject, row: DomainKeyRow): void {
  const { mac } = row
  if (mac.length !== 32 || !timingSafeEqual(domainKeyMac(key, row), mac))
    throw new SealError(`the row of domain key ${row.version} was altered in the store`)
}

/** The key that authenticates rows under this domain key (storage/row-authenticator.ts). */
export function rowKey(key: KeyObject): KeyObject {
  return derived(key, ROW_KEY_INFO)
}

function derived(key: KeyObject, info: string): KeyObject {
  const bytes = new Uint8Array(hkdfSync('sha256', key, '', info, KEY_BYTES))
  const made = createSecretKey(bytes)
  bytes.fill(0)
  return made
}

/** Key check value: the first 8 bytes of an HMAC under the key, in hex. */
function checkValue(key: KeyObject): string {
  return createHmac('sha256', key).update('vouchsafe domain key check value').digest('hex').slice(0, 16)
}

function identity(version: number): Buffer {
  return Buffer.from(JSON.stringify(['domain-key', version]))
}
