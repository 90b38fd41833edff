import { TpmError } from '../error.ts'
import { digestSizes } from '../hash.ts'
import { LogReader } from '../log-reader.ts'
import { algorithmName, hashById } from '../structures/algorithms.ts'
import { withoutNuls } from './text.ts'

/** A bank: TPM_ALG_ID, its name (`sha256`, or `0x0047` for an unknown one), and the bytes of its digests. */
export type SpecIdAlgorithm = { id: number; name: string; digestSize: number }

/** The head of a log: TCG_EfiSpecIDEvent. */
export type SpecId = {
  /** `Spec ID Event03` for crypto-agile logs; 00 (BIOS) and 02 (EFI) are those of TPM 1.2. */
  signature: string
  platformClass: number
  specVersion: { major: number; minor: number; errata: number }
  /** Size of UINTN in units of 32 bits; 0 in logs of signature 00. */
  uintnSize: number
  /** The banks of the log with their digests' sizes; none in logs of TPM 1.2. */
  algorithms: readonly SpecIdAlgorithm[]
  vendorInfo: Uint8Array
}

/** More algorithms than a TPM has banks. The TCG Algorithm Registry has fewer than this many hashes. */
const MAX_ALGORITHMS = 16
const SIGNATURE = /^Spec ID Event0[023]$/

/**
 * Reads a Specification ID Version event (PC Client Platform Firmware Profile 1.06, section 10.4.5.1; for TPM 1.2: EFI Platform Specification 1.22, section 7.4).
 * Undefined when the data is another event's; throws TpmError when it has the signature but is malformed.
 */
export function readSpecId(data: Uint8Array, offset: number): SpecId | undefined {
  if (data.length < 16) return undefined
  const reader = new LogReader(data, offset)
  const signature = Buffer.from(withoutNuls(reader.bytes(16, 'signature'))).toString('latin1')
  if (!SIGNATURE.test(signature)) return undefined
  const platformClass = reader.u32('platformClass')
  const minor = reader.u8('specVersionMinor')
  const major = reader.u8('specVersionMajor')
  const errata = reader.u8('specErrata')
  const uintnSize = reader.u8('uintnSize')
  const algorithms = signature === 'Spec ID Event03' ? readAlgorithms(reader) : []
  const vendorInfo = reader.bytes(reader.u8('vendorInfoSize'), 'vendorInfo')
  reader.expectEnd('Spec ID event')
  return { signature, platformClass, specVersion: { major, minor, errata }, uintnSize, algorithms, vendorInfo }
}

function readAlgorithms(reader: LogReader): SpecIdAlgorithm[] {
  const { offset } = reader
  const count = reader.u32('numberOfAlgorithms')
  if (count === 0 || count > MAX_ALGORITHMS)
    throw new TpmError(`numberOfAlgorithms: ${count}, but 1 to ${MAX_ALGORITHMS} are allowed`, { field: 'numberOfAlgorithms', offset })
  const algorithms: SpecIdAlgorithm[] = []
  for (let i = 0; i < count; i++) {
    const at = reader.offset
    const id = reader.u16('algorithmId')
    const digestSize = reader.u16('digestSize')
    const name = algorithmName(id)
    const known = hashById(id)
    if (algorithms.some((algorithm) => algorithm.id === id))
      throw new TpmError(`algorithmId: ${name} is listed twice`, { field: 'algorithmId', offset: at })
    if (digestSize === 0 || (known !== undefined && digestSizes[known] !== digestSize))
      throw new TpmError(`digestSize: ${digestSize} bytes for ${name}`, { field: 'digestSize', offset: at + 2 })
    algorithms.push({ id, name, digestSize })
  }
  return algorithms
}
