import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { Runtime } from '../foundation/index.ts'
import type { DomainKeyRow } from '../storage/index.ts'
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
  return { ...attributes, rootKeyId: root.id, wrapped, checkValue: checkValue(createSecretKey(bytes)) }
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

/** Key check value: the first 8 bytes of an HMAC under the key, in hex. */
function checkValue(key: KeyObject): string {
  return createHmac('sha256', key).update('vouchsafe domain key check value').digest('hex').slice(0, 16)
}

function identity(version: number): Buffer {
  return Buffer.from(JSON.stringify(['domain-key', version]))
}
