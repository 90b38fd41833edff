import type { HashAlgorithm, Hashes } from '../hash.ts'
import { hash } from '../hash.ts'
import type { EventRecord } from './event-log.ts'
import { EVENT_TYPES as EV } from './event-types.ts'
import { withoutNuls } from './text.ts'
import { variableDataOf } from './variable.ts'

/**
 * How an event's digest stands to its data. `covered`: it is the data's hash, so whatever authenticates the PCR authenticates the data too. `partly-covered`: it
 * is the hash of what matters in the data, without its frame (a variable's value but not its name; a boot loader's command but not the word before it, nor NULs
 * at the end).
 * `not-covered`: the specification asks for the data's hash and this isn't it. `not-defined`: the digest is of something else, such as an image: the data is
 * informative. `not-computable`: the bank is missing from the event, or its hash here.
 */
export type Coverage = 'covered' | 'partly-covered' | 'not-covered' | 'not-defined' | 'not-computable'

/**
 * Events whose digest the TCG PC Client Platform Firmware Profile 1.06, section 10.4.1, defines as the hash of their data. For EV_EFI_VARIABLE_BOOT the versions
 * of the profile differ: the data, or the variable's value in it.
 */
const DEFINED: ReadonlySet<number> = new Set([
  EV.EV_SEPARATOR,
  EV.EV_ACTION,
  EV.EV_S_CRTM_VERSION,
  EV.EV_PLATFORM_CONFIG_FLAGS,
  EV.EV_TABLE_OF_DEVICES,
  EV.EV_OMIT_BOOT_DEVICE_EVENTS,
  EV.EV_EFI_VARIABLE_DRIVER_CONFIG,
  EV.EV_EFI_VARIABLE_BOOT,
  EV.EV_EFI_VARIABLE_BOOT2,
  EV.EV_EFI_GPT_EVENT,
  EV.EV_EFI_GPT_EVENT2,
  EV.EV_EFI_ACTION,
  EV.EV_EFI_VARIABLE_AUTHORITY,
  EV.EV_EFI_SPDM_DEVICE_POLICY,
  EV.EV_EFI_SPDM_DEVICE_AUTHORITY,
])

/** Events whose digest is not defined so, but which firmware and boot loaders make so, or from a part of the data. */
const CUSTOMARY: ReadonlySet<number> = new Set([
  EV.EV_EVENT_TAG,
  EV.EV_IPL,
  EV.EV_NONHOST_INFO,
  EV.EV_EFI_SPDM_FIRMWARE_BLOB,
  EV.EV_EFI_SPDM_FIRMWARE_CONFIG,
])

const SEPARATOR_ERROR = Uint8Array.of(1, 0, 0, 0)
/** What GRUB writes before the text that it measures (docs of its `tpm` module). */
const LOADER_PREFIX = /^(grub_cmd|kernel_cmdline|module_cmdline): /

/**
 * Compares an event's digest in a bank with its data, as far as the specification or custom define how they belong together. See `Coverage`.
 *
 * @example
 * digestCoversData(event, 'sha256') // → 'covered'
 */
export function digestCoversData(event: EventRecord, algorithm: HashAlgorithm, hashes: Hashes = {}): Coverage {
  const { type, data } = event
  if (!DEFINED.has(type) && !CUSTOMARY.has(type)) return 'not-defined'
  const digest = event.digests[algorithm]
  if (digest === undefined || (algorithm === 'sm3' && hashes.sm3 === undefined)) return 'not-computable'
  const isDigestOf = (bytes: Uint8Array | undefined) => bytes !== undefined && Buffer.compare(hash(algorithm, bytes, hashes), digest) === 0

  if (isDigestOf(data)) return 'covered'
  if (isPartOf(event).some(isDigestOf)) return 'partly-covered'
  if (type === EV.EV_SEPARATOR && isDigestOf(SEPARATOR_ERROR)) return 'not-defined'
  return DEFINED.has(type) ? 'not-covered' : 'not-defined'
}

/** Parts of the data that are measured instead of all of it. */
function isPartOf({ type, data }: EventRecord): (Uint8Array | undefined)[] {
  switch (type) {
    case EV.EV_EFI_VARIABLE_BOOT:
      return [variableDataOf(data)]
    case EV.EV_EVENT_TAG:
      return [data.subarray(8)]
    case EV.EV_ACTION:
    case EV.EV_EFI_ACTION:
      return [withoutNuls(data)]
    case EV.EV_IPL:
      return loaderParts(data)
    case EV.EV_EFI_VARIABLE_AUTHORITY:
      // Versions of shim until 2021 logged one byte more than they measured.
      return [data.subarray(0, -1)]
    default:
      return []
  }
}

/**
 * GRUB logs `grub_cmd: set x=y` with a NUL and measures `set x=y`; others measure the text without the NUL; older systemd-boot measured UTF-16 with its NUL, but
 * logged one byte less.
 */
function loaderParts(data: Uint8Array): Uint8Array[] {
  if (data.length % 2 === 1 && data.at(-1) === 0 && data[1] === 0) return [Buffer.concat([data, Uint8Array.of(0)])]
  const body = withoutNuls(data)
  const prefix = LOADER_PREFIX.exec(Buffer.from(body.subarray(0, 20)).toString('latin1'))?.[0]
  return prefix === undefined ? [body] : [body, body.subarray(prefix.length)]
}
