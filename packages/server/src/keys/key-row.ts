import type { KeyObject } from 'node:crypto'
import { KEY_SPECS, type KeyCrypto, type KeySpec } from '@vouchsafe/crypto'
import type { Envelope, SealedBlob, SealedColumn } from '../envelope/index.ts'
import type { KeyRow } from '../storage/index.ts'

/** The properties of a new key; fields left out are null. */
export type NewKey = Pick<KeyRow, 'id' | 'appId' | 'spec' | 'origin' | 'createdAt' | 'expiresAt'> &
  Partial<Pick<KeyRow, 'usage' | 'padding' | 'digest' | 'alias' | 'isDefault'>>

/** The row of a new key: with generated and sealed material (origin `internal`), or waiting for import (`external`). */
export async function newKeyRow({ envelope, crypto }: { envelope: Envelope; crypto: KeyCrypto }, wanted: NewKey): Promise<KeyRow> {
  const row: KeyRow = {
    usage: null,
    padding: null,
    digest: null,
    alias: '',
    isDefault: false,
    ...wanted,
    enabled: true,
    deletedAt: null,
    destroyAt: null,
    material: null,
    domainVersion: 0,
    encryptions: 0,
  }
  if (row.origin === 'external') return row
  const sealed = sealMaterial({ envelope, crypto }, row, await crypto.generate(specOf(row)))
  return { ...row, material: sealed.blob, domainVersion: sealed.domainVersion }
}

/** Seals a key to its row. */
export function sealMaterial({ envelope, crypto }: { envelope: Envelope; crypto: KeyCrypto }, row: KeyRow, key: KeyObject): SealedBlob {
  const bytes = crypto.encode(specOf(row), key)
  try {
    return envelope.seal('key', keyIdentity(row), bytes)
  } finally {
    bytes.fill(0)
  }
}

/**
 * Opens a row's material; undefined while it waits for import.
 * @throws {SealError} if the blob isn't this row's or was altered
 */
export function openMaterial({ envelope, crypto }: { envelope: Envelope; crypto: KeyCrypto }, row: KeyRow): KeyObject | undefined {
  if (row.material === null) return undefined
  const bytes = envelope.open('key', keyIdentity(row), { blob: row.material, domainVersion: row.domainVersion })
  try {
    return crypto.decode(specOf(row), bytes)
  } finally {
    bytes.fill(0)
  }
}

/** Where key material is stored, sealed. */
export const KEY_COLUMN: SealedColumn<'keys'> = { kind: 'key', identity: keyIdentity }

/** Everything about a key that must not change under its material. */
function keyIdentity(row: KeyRow): (string | null)[] {
  return [row.id, row.appId, row.spec, row.origin, row.usage, row.padding, row.digest, row.isDefault ? 'default' : null]
}

/** The row's key spec; rows hold only specs of the table. */
export function specOf(row: Pick<KeyRow, 'spec'>): KeySpec {
  if (!KEY_SPECS.has(row.spec as KeySpec)) throw new Error(`the store holds a key of unknown spec ${row.spec}`)
  return row.spec as KeySpec
}
