/**
 * Whether the firmware enforced Secure Boot, from a boot log that replays to the quoted PCR 7 (decisions "Evidence").
 *
 * A quote covers the digests of PCR 7 and their order, not the types of events. So what ends the firmware's part is a separator's digest,
 * whatever the log calls it: what an operating system extended later cannot be mistaken for the firmware's statement.
 */
import { decodeEvent, digestCoversData, hash, isExtended, type EventRecord, type HashAlgorithm } from '@vouchsafe/tpm'
import type { Check } from '@vouchsafe/checks'
import { HASHES } from './tpm-evidence.ts'

const SECURE_BOOT_PCR = 7
const GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
/** What separators measure: two values for the end of the pre-boot phase, and an error (PC Client Runtime Firmware Profile, §10.4.1). */
const SEPARATORS = ['00000000', 'ffffffff', '01000000'].map((data) => Buffer.from(data, 'hex'))

export type SecureBoot = 'enabled' | 'disabled' | 'NA'

/** @param matched whether PCR 7 was quoted, and the log replays to it */
export function secureBootOf(events: readonly EventRecord[], bank: HashAlgorithm, matched: boolean): { state: SecureBoot; check: Check } {
  const unknown = (note: string) => ({ state: 'NA' as const, check: { name: 'secure_boot', passed: false, found: 'NA', note } })
  if (!matched) return unknown('PCR 7 is not among the quoted PCRs that the log replays to')
  const extended = events.filter((event) => event.pcr === SECURE_BOOT_PCR && isExtended(event))
  const separators = SEPARATORS.map((data) => Buffer.from(hash(bank, data, HASHES)))
  const end = extended.findIndex(
    ({ typeName, digests }) => typeName === 'EV_SEPARATOR' || separators.some((each) => each.equals(digests[bank]!)),
  )
  if (end === -1) return unknown('PCR 7 has no separator')
  const found = extended.slice(0, end).flatMap((event) => {
    const value = secureBootVariable(event)
    return value === undefined ? [] : [{ event, value }]
  })
  if (found.length !== 1) return unknown(`${found.length} SecureBoot variables were measured before the separator, not one`)
  const { event, value } = found[0]!
  if (digestCoversData(event, bank, HASHES) !== 'covered') return unknown(`the digest of event ${event.number} is not that of its data`)
  const state = value ? 'enabled' : 'disabled'
  return { state, check: { name: 'secure_boot', passed: true, found: state, note: `event ${event.number}` } }
}

function secureBootVariable(event: EventRecord): boolean | undefined {
  if (event.typeName !== 'EV_EFI_VARIABLE_DRIVER_CONFIG' || !hasNameOf(event.data, 'SecureBoot')) return undefined
  const decoded = decodeEvent(event)
  if (decoded.kind !== 'variable' || decoded.name !== 'SecureBoot' || decoded.guid.guid !== GLOBAL_VARIABLE) return undefined
  if (decoded.value.kind === 'boolean') return decoded.value.value
  // Firmware without Secure Boot measures an empty variable.
  return decoded.bytes.length === 0 ? false : undefined
}

/** Whether UEFI_VARIABLE_DATA tells a name of that length: the other variables are databases, which take long to decode. */
function hasNameOf(data: Uint8Array, name: string): boolean {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return data.length >= 32 && bytes.readBigUInt64LE(16) === BigInt(name.length)
}
