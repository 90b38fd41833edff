/** A key's life as data: the state × operation table, and what each cryptographic operation requires of a key's spec and usage. */
import { KEY_SPECS, type KeyFamily, type KeyUsage } from '@vouchsafe/crypto'
import { ServiceError, type ErrorCode } from '../foundation/index.ts'
import type { KeyRow } from '../storage/index.ts'
import { specOf } from './key-row.ts'

export const KEY_STATES = ['enabled', 'disabled', 'expired', 'pending import', 'pending deletion'] as const
export type KeyState = (typeof KEY_STATES)[number]

/** Kinds of operation that the states treat alike. */
export const OPERATION_KINDS = ['cryptography', 'import', 'enable', 'disable', 'delete', 'restore', 'describe', 'update'] as const
export type OperationKind = (typeof OPERATION_KINDS)[number]

/**
 * The answer of each state to each kind of operation; every operation on a key consults it, and the store's conditional updates guard
 * against concurrent changes. Deleting a missing key succeeds, so that deletion can be repeated.
 */
export const STATE_TABLE: Readonly<Record<KeyState, Readonly<Record<OperationKind, 'allow' | ErrorCode>>>> = {
  enabled: {
    cryptography: 'allow',
    import: 'key_imported',
    enable: 'allow',
    disable: 'allow',
    delete: 'allow',
    restore: 'key_not_found',
    describe: 'allow',
    update: 'allow',
  },
  disabled: {
    cryptography: 'key_disabled',
    import: 'key_disabled',
    enable: 'allow',
    disable: 'allow',
    delete: 'allow',
    restore: 'key_not_found',
    describe: 'allow',
    update: 'allow',
  },
  expired: {
    cryptography: 'key_expired',
    import: 'key_expired',
    enable: 'allow',
    disable: 'allow',
    delete: 'allow',
    restore: 'key_not_found',
    describe: 'allow',
    update: 'allow',
  },
  'pending import': {
    cryptography: 'key_pending_import',
    import: 'allow',
    enable: 'allow',
    disable: 'allow',
    delete: 'allow',
    restore: 'key_not_found',
    describe: 'allow',
    update: 'allow',
  },
  'pending deletion': {
    cryptography: 'key_not_found',
    import: 'key_not_found',
    enable: 'key_not_found',
    disable: 'key_not_found',
    delete: 'allow',
    restore: 'allow',
    describe: 'key_not_found',
    update: 'key_not_found',
  },
}

/** The state of a row, by the order of reasons: missing, disabled, expired, pending import. `hasMaterial` as the row may come without it. */
export function stateOf(row: Pick<KeyRow, 'deletedAt' | 'enabled' | 'expiresAt'>, hasMaterial: boolean, now: number): KeyState {
  if (row.deletedAt !== null) return 'pending deletion'
  if (!row.enabled) return 'disabled'
  if (row.expiresAt !== null && now > row.expiresAt) return 'expired'
  return hasMaterial ? 'enabled' : 'pending import'
}

interface Requirement {
  families: readonly KeyFamily[]
  usage: KeyUsage | undefined
  /** Completes "<action> needs …". */
  needs: string
}

const SYMMETRIC: Requirement = { families: ['aes-gcm', 'sm4'], usage: 'encrypt', needs: 'a symmetric encryption key (AES-GCM or SM4)' }
const ASYMMETRIC: Requirement = { families: ['rsa', 'sm2'], usage: 'encrypt', needs: 'an RSA or SM2 key' }
const SIGNING: Requirement = { families: ['rsa', 'ec', 'sm2', 'hmac'], usage: 'sign', needs: 'an RSA, EC, SM2 or HMAC key' }

/** What each cryptographic operation requires of its key. */
export const REQUIREMENTS = {
  Encrypt: SYMMETRIC,
  Decrypt: SYMMETRIC,
  GenerateDataKey: SYMMETRIC,
  ExportDataKey: SYMMETRIC,
  /** Requirements on the key that a data key is exported to. */
  ReceiveDataKey: ASYMMETRIC,
  AsymmetricEncrypt: ASYMMETRIC,
  AsymmetricDecrypt: ASYMMETRIC,
  Sign: SIGNING,
  Verify: SIGNING,
  GetPublicKey: { families: ['rsa', 'ec', 'sm2'], usage: undefined, needs: 'an RSA, EC or SM2 key' },
} as const satisfies Record<string, Requirement>

export type CryptographicOperation = keyof typeof REQUIREMENTS

/**
 * Admits an operation of some kind to a key in its present state, and returns that state.
 * @throws {ServiceError} what {@link STATE_TABLE} says
 */
export function admitKind(row: KeyRow, hasMaterial: boolean, kind: OperationKind, now: number): KeyState {
  const state = stateOf(row, hasMaterial, now)
  const outcome = STATE_TABLE[state][kind]
  if (outcome !== 'allow') throw new ServiceError(outcome)
  return state
}

/**
 * Admits an operation to a key, or refuses with the first reason that applies.
 * @throws {ServiceError} `key_not_found`, `key_disabled`, `key_expired`, `key_pending_import` or `key_usage`
 */
export function admit(row: KeyRow, hasMaterial: boolean, operation: CryptographicOperation, now: number): void {
  admitKind(row, hasMaterial, 'cryptography', now)
  const { families, usage, needs }: Requirement = REQUIREMENTS[operation]
  const spec = KEY_SPECS.get(specOf(row))!
  if (!families.includes(spec.family)) {
    const message = `The key is an ${spec.name} key: ${operation} needs ${needs}.`
    throw new ServiceError('key_usage', { message, facts: { spec: spec.name, operation, needs } })
  }
  if (usage !== undefined && row.usage !== null && row.usage !== usage) {
    const only = row.usage === 'sign' ? 'sign and verify' : 'encrypt and decrypt'
    const message = `The key was created only to ${only}: ${operation} is not allowed.`
    throw new ServiceError('key_usage', { message, facts: { usage: row.usage, operation } })
  }
}
