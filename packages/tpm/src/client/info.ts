import type { HashAlgorithm } from '../hash.ts'
import { digestSizes } from '../hash.ts'
import { algorithmName } from '../structures/algorithms.ts'
import { getAlgorithms, getCurves, getHandles, getPcrBanks, getProperties, getProperty, properties } from './commands/capability.ts'
import type { Tpm } from './tpm.ts'

/** What a TPM says about itself. */
export interface TpmInfo {
  /** `2.0` */
  family: string
  /** Of the specification's library: `1.59`, and its date as the TPM reports it, `2019-11-08`. */
  revision: string
  specificationDate: string
  /** The TCG's short name of the manufacturer, such as `IFX`. */
  manufacturer: string
  vendor: string
  /** As two times 32 bits in hex, whose meaning is the manufacturer's. */
  firmware: string
  /** Active PCR banks and their PCRs; a bank whose hash is not known here has the name `0x…`. */
  pcrBanks: { algorithm: HashAlgorithm | (string & {}); indices: number[] }[]
  algorithms: string[]
  curves: string[]
  persistentHandles: number[]
  nvIndices: number[]
  /** Wrong authorizations so far, and how many lead to the lockout. */
  lockout: { failures: number; limit: number }
}

/**
 * Asks a TPM about itself (TPM2_GetCapability).
 *
 * @example
 * const { family } = await readTpmInfo(tpm)
 * family // → '2.0'
 */
export async function readTpmInfo(tpm: Tpm): Promise<TpmInfo> {
  const fixed = await getProperties(tpm, properties.familyIndicator)
  const value = (property: number) => fixed.get(property) ?? 0
  const vendor = [properties.vendorString1, properties.vendorString2, properties.vendorString3, properties.vendorString4]
  const banks = await getPcrBanks(tpm)
  return {
    family: characters(value(properties.familyIndicator)),
    revision: (value(properties.revision) / 100).toFixed(2),
    specificationDate: date(value(properties.year), value(properties.dayOfYear)),
    manufacturer: characters(value(properties.manufacturer)),
    vendor: vendor.map((property) => characters(value(property))).join(''),
    firmware: [properties.firmwareVersion1, properties.firmwareVersion2].map((property) => hex32(value(property))).join('.'),
    pcrBanks: banks.flatMap(({ algorithm, indices }) => {
      if (indices.length === 0) return []
      return [{ algorithm: typeof algorithm === 'number' ? algorithmName(algorithm) : algorithm, indices }]
    }),
    algorithms: await getAlgorithms(tpm),
    curves: await getCurves(tpm),
    persistentHandles: await getHandles(tpm, 'persistent'),
    nvIndices: await getHandles(tpm, 'nv'),
    lockout: { failures: await getProperty(tpm, properties.lockoutCounter), limit: await getProperty(tpm, properties.maxAuthFail) },
  }
}

/**
 * The banks that are active and whose hash is known here.
 *
 * @example
 * const banks = await activePcrBanks(tpm)
 * banks.some(({ algorithm }) => algorithm === 'sha256') // → true
 */
export async function activePcrBanks(tpm: Tpm): Promise<{ algorithm: HashAlgorithm; indices: number[] }[]> {
  const banks = await getPcrBanks(tpm)
  return banks.flatMap(({ algorithm, indices }) =>
    typeof algorithm === 'string' && algorithm in digestSizes && indices.length > 0 ? [{ algorithm, indices }] : [],
  )
}

/** Four ASCII characters, without zeros and blanks at the end; anything else in it as `?`. */
function characters(value: number): string {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return [...bytes]
    .filter((byte) => byte !== 0)
    .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?'))
    .join('')
    .trimEnd()
}

function date(year: number, dayOfYear: number): string {
  const time = Date.UTC(year, 0, dayOfYear)
  return Number.isNaN(time) ? `${year} day ${dayOfYear}` : new Date(time).toISOString().slice(0, 10)
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}
