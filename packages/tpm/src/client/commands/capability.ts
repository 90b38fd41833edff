// TPM2_GetCapability (TPM 2.0 Library, Part 3, "TPM2_GetCapability"; Part 2, §10.10, TPMS_CAPABILITY_DATA).
import { TpmError } from '../../error.ts'
import { algorithmName } from '../../structures/algorithms.ts'
import { curveById } from '../../structures/curves.ts'
import { readPcrSelections } from '../../structures/pcr-selection.ts'
import type { PcrSelection } from '../../structures/pcr-selection.ts'
import type { TpmReader } from '../../structures/reader.ts'
import { TpmWriter } from '../../structures/writer.ts'
import { commandCodes } from '../command-codes.ts'
import { handleTypes } from '../handles.ts'
import type { HandleType } from '../handles.ts'
import type { Tpm } from '../tpm.ts'

/** TPM_CAP (Part 2, §6.12), those used here. */
const CAPABILITIES = { algorithms: 0, handles: 1, pcrs: 5, properties: 6, curves: 8 } as const

/** The most requests for the rest of a list: a TPM that never ends its list is refused. */
const MOST_PARTS = 64
const PART_SIZE = 254

/** TPM_PT (Part 2, §6.13) of the properties that are used here. */
export const properties = {
  familyIndicator: 0x100,
  level: 0x101,
  revision: 0x102,
  dayOfYear: 0x103,
  year: 0x104,
  manufacturer: 0x105,
  vendorString1: 0x106,
  vendorString2: 0x107,
  vendorString3: 0x108,
  vendorString4: 0x109,
  firmwareVersion1: 0x10b,
  firmwareVersion2: 0x10c,
  nvIndexMax: 0x117,
  nvBufferMax: 0x12c,
  lockoutCounter: 0x20e,
  maxAuthFail: 0x20f,
} as const

/** All handles of a kind that are in use: what is loaded, persistent or defined. */
export function getHandles(tpm: Tpm, type: HandleType): Promise<number[]> {
  const first = handleTypes[type] * 0x1000000
  return getAll(tpm, 'handles', first, 4, (reader) => {
    const handle = reader.u32('handle')
    // Loaded sessions are listed by their number, whatever their kind.
    return { key: first + (handle & 0xffffff), item: handle }
  })
}

/** TPM_PT and value of the properties from `first` on, in its group (0x100: fixed ones; 0x200: variable ones). */
export async function getProperties(tpm: Tpm, first: number): Promise<Map<number, number>> {
  const list = await getAll(tpm, 'properties', first, 8, (reader) => {
    const key = reader.u32('property')
    return { key, item: [key, reader.u32('value')] as const }
  })
  return new Map(list)
}

/** One property. Throws TpmError when the TPM does not have it. */
export async function getProperty(tpm: Tpm, property: number): Promise<number> {
  const { reader } = await getCapability(tpm, 'properties', property, 1)
  const count = reader.u32('count')
  const found = count === 0 ? undefined : reader.u32('property')
  if (found !== property) throw new TpmError(`the TPM has no property 0x${property.toString(16)}`, { field: 'property' })
  return reader.u32('value')
}

/** The PCR banks: a selection of all PCRs of each; an inactive bank has none. */
export async function getPcrBanks(tpm: Tpm): Promise<Required<PcrSelection>[]> {
  const { reader } = await getCapability(tpm, 'pcrs', 0, 1)
  const banks = readPcrSelections(reader)
  reader.expectEnd('response')
  return banks
}

/** The algorithms that the TPM has, by this package's names, or as `0x…` where it has none. */
export function getAlgorithms(tpm: Tpm): Promise<string[]> {
  return getAll(tpm, 'algorithms', 0, 6, (reader) => {
    const key = reader.u16('algorithm')
    reader.u32('attributes')
    return { key, item: algorithmName(key) }
  })
}

/** The curves that the TPM has, likewise. */
export function getCurves(tpm: Tpm): Promise<string[]> {
  return getAll(tpm, 'curves', 0, 2, (reader) => {
    const key = reader.u16('curve')
    return { key, item: curveById(key) ?? `0x${key.toString(16).padStart(4, '0')}` }
  })
}

async function getCapability(tpm: Tpm, capability: keyof typeof CAPABILITIES, property: number, count: number) {
  const { parameters: reader } = await tpm.execute({
    code: commandCodes.GetCapability,
    handles: [],
    parameters: new TpmWriter().u32(CAPABILITIES[capability]).u32(property).u32(count).finish(),
  })
  const more = reader.u8('moreData') === 1
  const found = reader.u32('capability')
  if (found !== CAPABILITIES[capability]) throw reader.error('capability', `${found} instead of ${CAPABILITIES[capability]}`)
  return { more, reader }
}

/** A whole list, whose items of `size` bytes each have an ascending key with which the next part is asked for. */
async function getAll<Item>(
  tpm: Tpm,
  capability: keyof typeof CAPABILITIES,
  first: number,
  size: number,
  read: (reader: TpmReader) => { key: number; item: Item },
): Promise<Item[]> {
  const items: Item[] = []
  let next = first
  for (let part = 0; part < MOST_PARTS; part++) {
    const { more, reader } = await getCapability(tpm, capability, next, PART_SIZE)
    const count = reader.u32('count')
    if (count * size !== reader.remaining) throw reader.error('count', `${count} items do not fit the ${reader.remaining} bytes left`)
    for (let i = 0; i < count; i++) {
      const { key, item } = read(reader)
      if (key < next) throw reader.error(capability, `0x${key.toString(16)} is out of order`)
      next = key + 1
      items.push(item)
    }
    if (!more || count === 0) return items
  }
  throw new TpmError(`${capability}: the list does not end`, { field: capability })
}
