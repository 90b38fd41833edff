import { argon2, createSecretKey, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { Runtime } from '../foundation/index.ts'
import { SealError } from './root-key-store.ts'

const KEY_BYTES = 32
const SALT_BYTES = 16
/** The second of the choices that RFC 9106 §4 recommends: 64 MiB, three passes, four lanes. */
const MEMORY_KIB = 64 * 1024
const PASSES = 3
const LANES = 4
/** The most that a key file may demand of this machine. */
const MAX_COST = { memory: 1024 * 1024, passes: 16, lanes: 16 } as const

export const MIN_PASSPHRASE = 12
const MAX_PASSPHRASE = 1024

/** How a key is derived, as it is stored beside what the key wraps. */
export interface PassphraseParameters {
  kdf: 'argon2id'
  /** KiB. */
  memory: number
  passes: number
  lanes: number
  /** base64. */
  salt: string
}

const derive = promisify(argon2)

/** Parameters with a fresh salt. */
export function newPassphraseParameters(runtime: Runtime): PassphraseParameters {
  const salt = runtime.randomBytes(SALT_BYTES).toString('base64')
  return { kdf: 'argon2id', memory: MEMORY_KIB, passes: PASSES, lanes: LANES, salt }
}

/** The parameters in parsed JSON, bounded; undefined if they are invalid. */
export function readPassphraseParameters(value: Readonly<Record<string, unknown>>): PassphraseParameters | undefined {
  const { kdf, memory, passes, lanes, salt } = value
  if (kdf !== 'argon2id' || typeof salt !== 'string' || Buffer.from(salt, 'base64').length !== SALT_BYTES) return undefined
  if (!isWithin(passes, 1, MAX_COST.passes) || !isWithin(lanes, 1, MAX_COST.lanes)) return undefined
  // RFC 9106 §3.1.
  if (!isWithin(memory, 8 * lanes, MAX_COST.memory)) return undefined
  return { kdf, memory, passes, lanes, salt }
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

/** Derives the key from a passphrase: Argon2id (RFC 9106), on the thread pool. */
export async function passphraseKey(passphrase: string, { memory, passes, lanes, salt }: PassphraseParameters): Promise<KeyObject> {
  const parameters = {
    message: Buffer.from(passphrase.normalize('NFC')),
    nonce: Buffer.from(salt, 'base64'),
    memory,
    passes,
    parallelism: lanes,
    tagLength: KEY_BYTES,
  }
  const bytes = await derive('argon2id', parameters)
  const key = createSecretKey(bytes)
  bytes.fill(0)
  parameters.message.fill(0)
  return key
}

/**
 * Refuses a passphrase that shouldn't be chosen.
 * @throws {SealError}
 */
export function checkNewPassphrase(passphrase: string): void {
  if (passphrase.length < MIN_PASSPHRASE || passphrase.length > MAX_PASSPHRASE)
    throw new SealError(`a passphrase must have ${MIN_PASSPHRASE} to ${MAX_PASSPHRASE} characters`)
}
