import { TpmError } from '../error.ts'
import type { HashAlgorithm } from '../hash.ts'
import type { PcrBank } from '../quote.ts'
import { HASHED_LIMIT } from '../structures/digest.ts'
import { encodeDigestList, readDigestList } from '../structures/digest.ts'
import { encodePcrSelections, readPcrSelections } from '../structures/pcr-selection.ts'
import { TpmReader } from '../structures/reader.ts'
import { TpmWriter } from '../structures/writer.ts'
import { create, createPrimary, load, unseal } from './commands/object.ts'
import type { LoadedObject } from './commands/object.ts'
import { pcrRead } from './commands/pcr.ts'
import type { KnownPcrSelection } from './commands/pcr.ts'
import { policyPcr } from './commands/session.ts'
import { pcrPolicy, selectionOf } from './pcr-policy.ts'
import { withSession } from './scoped.ts'
import { sealedTemplate, srkTemplates } from './templates.ts'
import type { Authorization, Tpm } from './tpm.ts'

/** A secret that only this TPM opens, and only while its PCRs have these values. Nothing in it is secret. */
export interface SealedSecret {
  /** TPMT_PUBLIC and TPM2B_PRIVATE's contents of the data object. */
  readonly publicBytes: Uint8Array
  readonly privateBytes: Uint8Array
  /** The Name of the storage root key under which the object is. */
  readonly parentName: Uint8Array
  /** The values that the PCRs must have, to say which one has changed. */
  readonly pcrs: readonly PcrBank[]
}

export interface ChangedPcr {
  algorithm: HashAlgorithm
  index: number
  expected: Uint8Array
  found: Uint8Array
}

/**
 * PCRs do not have the values to which a secret is sealed.
 *
 * @example
 * const sealed = await sealToPcrs(tpm, Buffer.from('a key'), [{ algorithm: 'sha256', indices: [23] }])
 * await tpm2.pcrExtend(tpm, 23, { sha256: new Uint8Array(32).fill(1) })
 * await unsealFromPcrs(tpm, sealed) // throws PcrsChangedError
 */
export class PcrsChangedError extends TpmError {
  readonly changed: readonly ChangedPcr[]

  constructor(changed: readonly ChangedPcr[]) {
    const list = changed.map(
      ({ algorithm, index, expected, found }) => `PCR ${index} of ${algorithm} is ${found.toHex()}, was ${expected.toHex()}`,
    )
    super(`sealed secret: ${list.join('; ')}`, { field: 'pcrs' })
    this.changed = changed
  }
}

export interface SealOptions {
  /** Of the owner hierarchy; empty unless somebody has set it. */
  ownerAuth?: Authorization
}

/** The most bytes that a TPM seals (MAX_SYM_DATA, Part 2, "TPM2B_SENSITIVE_DATA"). */
export const SEAL_LIMIT = 128

/**
 * Seals a secret of 1 to 128 bytes, under the storage root key (P-256), to PCRs: with their values of now, or with given values, for instance those after
 * an update. On its way to the TPM the secret is encrypted. Throws TpmError.
 *
 * @example
 * const sealed = await sealToPcrs(tpm, Buffer.from('a key'), [{ algorithm: 'sha256', indices: [0, 7] }])
 * Buffer.from(await unsealFromPcrs(tpm, sealed)).toString() // → 'a key'
 */
export async function sealToPcrs(
  tpm: Tpm,
  secret: Uint8Array,
  pcrs: readonly KnownPcrSelection[] | readonly PcrBank[],
  options: SealOptions = {},
): Promise<SealedSecret> {
  if (secret.length < 1 || secret.length > SEAL_LIMIT)
    throw new TpmError(`secret: ${secret.length} bytes, from 1 to ${SEAL_LIMIT} can be sealed`, { field: 'secret' })
  return await tpm.exclusive(async (tpm) => {
    const banks = isBanks(pcrs) ? pcrs : await pcrRead(tpm, pcrs)
    if (banks.every(({ values }) => values.size === 0)) throw new TpmError('pcrs: sealing to no PCR protects nothing', { field: 'pcrs' })
    const srk = await createSrk(tpm, options)
    return await withSession(tpm, { kind: 'hmac', saltKey: srk }, async (session) => {
      const template = sealedTemplate(pcrPolicy(banks))
      const { publicBytes, privateBytes } = await create(tpm, { parent: srk, authorization: { session }, template, data: secret })
      return { publicBytes, privateBytes, parentName: srk.name, pcrs: banks }
    })
  })
}

/**
 * The secret, encrypted on its way from the TPM. Throws PcrsChangedError, which says which PCRs have changed; TpmError when it was sealed by another TPM, or
 * the TPM was cleared since.
 *
 * @example
 * const sealed = await sealToPcrs(tpm, Buffer.from('a key'), [{ algorithm: 'sha256', indices: [0, 7] }])
 * Buffer.from(await unsealFromPcrs(tpm, sealed)).toString() // → 'a key'
 */
export function unsealFromPcrs(tpm: Tpm, sealed: SealedSecret, options: SealOptions = {}): Promise<Uint8Array> {
  return tpm.exclusive(async (tpm) => {
    const selections = selectionOf(sealed.pcrs) as KnownPcrSelection[]
    const changed = changedPcrs(sealed.pcrs, await pcrRead(tpm, selections))
    if (changed.length > 0) throw new PcrsChangedError(changed)
    const srk = await createSrk(tpm, options)
    // Also: the salt must be for the key that was there when it was sealed, not for one made by someone between us and the TPM.
    if (Buffer.compare(srk.name, sealed.parentName) !== 0)
      throw new TpmError('sealed secret: it was sealed by another TPM, or this one was cleared since', { field: 'parentName' })
    const object = await load(tpm, { parent: srk, ...sealed })
    return await withSession(tpm, { kind: 'policy', saltKey: srk }, async (session) => {
      await policyPcr(tpm, session, selections)
      return await unseal(tpm, object, { session })
    })
  })
}

/**
 * The bytes of a sealed secret, for a file.
 *
 * @example
 * const bytes = encodeSealedSecret(await sealToPcrs(tpm, Buffer.from('a key'), [{ algorithm: 'sha256', indices: [7] }]))
 * parseSealedSecret(bytes).pcrs[0].values.size // → 1
 */
export function encodeSealedSecret({ publicBytes, privateBytes, parentName, pcrs }: SealedSecret): Uint8Array {
  const values = pcrs.flatMap((bank) => [...bank.values].sort(([a], [b]) => a - b).map(([, value]) => value))
  return new TpmWriter()
    .sized(publicBytes, 'public')
    .sized(privateBytes, 'private')
    .sized(parentName, 'parentName')
    .bytes(encodePcrSelections(selectionOf(pcrs)))
    .bytes(encodeDigestList(values))
    .finish()
}

/**
 * Reads what `encodeSealedSecret` wrote. Throws TpmError.
 *
 * @example
 * const bytes = encodeSealedSecret(await sealToPcrs(tpm, Buffer.from('a key'), [{ algorithm: 'sha256', indices: [7] }]))
 * Buffer.from(await unsealFromPcrs(tpm, parseSealedSecret(bytes))).toString() // → 'a key'
 */
export function parseSealedSecret(bytes: Uint8Array): SealedSecret {
  const reader = new TpmReader(bytes)
  const [publicBytes, privateBytes] = [reader.sized('public'), reader.sized('private')]
  const parentName = reader.sized('parentName', HASHED_LIMIT)
  const selections = readPcrSelections(reader)
  const digests = readDigestList(reader)
  reader.expectEnd('sealed secret')
  const count = selections.reduce((sum, { indices }) => sum + indices.length, 0)
  if (count !== digests.length) throw new TpmError(`sealed secret: ${digests.length} values for ${count} PCRs`, { field: 'pcrs' })
  let next = 0
  const pcrs = selections.map(({ algorithm, indices }) => {
    if (typeof algorithm === 'number') throw new TpmError(`PCR bank: unsupported algorithm ${algorithm}`, { field: 'pcrs' })
    return { algorithm, values: new Map(indices.map((index) => [index, digests[next++]!])) }
  })
  return { publicBytes, privateBytes, parentName, pcrs }
}

function createSrk(tpm: Tpm, { ownerAuth }: SealOptions): Promise<LoadedObject> {
  return createPrimary(tpm, {
    hierarchy: 'owner',
    template: srkTemplates.ecc,
    ...(ownerAuth !== undefined && { authorization: ownerAuth }),
  })
}

function changedPcrs(expected: readonly PcrBank[], found: readonly PcrBank[]): ChangedPcr[] {
  return expected.flatMap(({ algorithm, values }) =>
    [...values].flatMap(([index, value]) => {
      const now = found.find((bank) => bank.algorithm === algorithm)?.values.get(index) ?? new Uint8Array(0)
      return Buffer.compare(value, now) === 0 ? [] : [{ algorithm, index, expected: value, found: now }]
    }),
  )
}

function isBanks(pcrs: readonly KnownPcrSelection[] | readonly PcrBank[]): pcrs is readonly PcrBank[] {
  return pcrs.every((each) => 'values' in each)
}
