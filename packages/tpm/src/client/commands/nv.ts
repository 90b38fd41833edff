// TPM 2.0 Library, Part 3, "Non-volatile Storage".
import { TpmError } from '../../error.ts'
import { HASHED_LIMIT } from '../../structures/digest.ts'
import { nvName } from '../../structures/name.ts'
import { encodeNvPublic, parseNvPublic } from '../../structures/nv-public.ts'
import type { NvPublic } from '../../structures/nv-public.ts'
import { TpmWriter } from '../../structures/writer.ts'
import { commandCodes } from '../command-codes.ts'
import { hierarchies } from '../handles.ts'
import { MAX_MESSAGE } from '../transport.ts'
import type { Authorization, Entity, Tpm } from '../tpm.ts'
import { getProperty, properties } from './capability.ts'

/** A defined NV index; usable as an Entity, whose Name changes when the index is first written. */
export interface NvIndex {
  readonly handle: number
  readonly nvPublic: NvPublic
  readonly name: Uint8Array
}

/** What authorises access: the index itself (`authRead`, `authWrite`), or a hierarchy (`ownerRead`, `ppRead`, …). */
export interface NvAccess {
  by?: 'index' | 'owner' | 'platform'
  authorization?: Authorization
}

const NONE = new Uint8Array(0)
const COUNTER_BYTES = 8
/** What a message holds beside the data, at most. */
const OVERHEAD = 1024

/** TPM2_NV_ReadPublic. Fails with TPM_RC_HANDLE when the index is not defined. */
export async function nvReadPublic(tpm: Tpm, handle: number): Promise<NvIndex> {
  const { parameters } = await tpm.execute({ code: commandCodes.NV_ReadPublic, handles: [{ entity: handle }], parameters: NONE })
  const nvPublic = parseNvPublic(parameters.sized('nvPublic'))
  const name = parameters.sized('nvName', HASHED_LIMIT)
  parameters.expectEnd('response')
  if (nvPublic.index !== handle || (nvPublic.nameAlg !== 'sm3' && Buffer.compare(nvName(nvPublic), name) !== 0))
    throw new TpmError('nvName: it is not that of the index', { field: 'nvName' })
  return { handle, nvPublic, name }
}

/** TPM2_NV_DefineSpace: makes an index of `dataSize` bytes. `authValue`: the index's own authorization value. */
export async function nvDefineSpace(
  tpm: Tpm,
  options: { nvPublic: NvPublic; authValue?: Uint8Array; hierarchy?: 'owner' | 'platform'; authorization?: Authorization },
): Promise<void> {
  await tpm.execute({
    code: commandCodes.NV_DefineSpace,
    handles: [{ entity: hierarchies[options.hierarchy ?? 'owner'], authorization: options.authorization ?? NONE }],
    parameters: new TpmWriter()
      .sized(options.authValue ?? NONE, 'auth')
      .sized(encodeNvPublic(options.nvPublic), 'publicInfo')
      .finish(),
    sizedFirst: 'command',
  })
}

/** TPM2_NV_UndefineSpace: removes an index. */
export async function nvUndefineSpace(
  tpm: Tpm,
  options: { index: Entity; hierarchy?: 'owner' | 'platform'; authorization?: Authorization },
): Promise<void> {
  await tpm.execute({
    code: commandCodes.NV_UndefineSpace,
    handles: [
      { entity: hierarchies[options.hierarchy ?? 'owner'], authorization: options.authorization ?? NONE },
      { entity: options.index },
    ],
    parameters: NONE,
  })
}

/**
 * TPM2_NV_Read of the whole index (at most 65,535 bytes), in parts of what the TPM takes at a time. Unless `by` is given, the index authorises the
 * read if its attributes let it, else the owner.
 */
export async function nvRead(tpm: Tpm, handle: number, access: NvAccess = {}): Promise<Uint8Array> {
  const index = await nvReadPublic(tpm, handle)
  const { dataSize, attributes } = index.nvPublic
  const handles = accessHandles(index, { by: attributes.includes('authRead') ? 'index' : 'owner', ...access })
  const part = await partSize(tpm)
  const data = new Uint8Array(dataSize)
  for (let offset = 0; offset < dataSize; offset += part) {
    const size = Math.min(part, dataSize - offset)
    const { parameters } = await tpm.execute({
      code: commandCodes.NV_Read,
      handles,
      parameters: new TpmWriter().u16(size).u16(offset).finish(),
      sizedFirst: 'response',
    })
    const bytes = parameters.sized('data', size)
    parameters.expectEnd('response')
    if (bytes.length !== size) throw new TpmError(`NV data: ${bytes.length} bytes instead of ${size}`, { field: 'data' })
    data.set(bytes, offset)
  }
  return data
}

/** TPM2_NV_Write from the beginning of the index on, in parts likewise. Unless `by` is given, the index authorises it if it may, else the owner. */
export async function nvWrite(tpm: Tpm, handle: number, data: Uint8Array, access: NvAccess = {}): Promise<void> {
  let index = await nvReadPublic(tpm, handle)
  const { dataSize, attributes } = index.nvPublic
  if (data.length > dataSize) throw new TpmError(`NV data: ${data.length} bytes, the index has ${dataSize}`, { field: 'data' })
  const by = attributes.includes('authWrite') ? 'index' : 'owner'
  const part = await partSize(tpm)
  for (let offset = 0; offset < data.length; offset += part) {
    await tpm.execute({
      code: commandCodes.NV_Write,
      handles: accessHandles(index, { by, ...access }),
      parameters: new TpmWriter()
        .sized(data.subarray(offset, offset + part))
        .u16(offset)
        .finish(),
      sizedFirst: 'command',
    })
    if (!index.nvPublic.attributes.includes('written')) index = await nvReadPublic(tpm, handle)
  }
}

/**
 * TPM2_NV_Increment: adds one to an index of the type `counter`. The first increment after its definition sets it to one more than any counter
 * that this TPM has ever had. Unless `by` is given, the index authorises it if it may, else the owner.
 */
export async function nvIncrement(tpm: Tpm, handle: number, access: NvAccess = {}): Promise<void> {
  const index = await nvReadPublic(tpm, handle)
  const by = index.nvPublic.attributes.includes('authWrite') ? 'index' : 'owner'
  await tpm.execute({ code: commandCodes.NV_Increment, handles: accessHandles(index, { by, ...access }), parameters: NONE })
}

/**
 * The value of an index of the type `counter`. Fails with TPM_RC_NV_UNINITIALIZED before its first increment; throws TpmError for another index,
 * and for a value that no number holds exactly.
 */
export async function nvReadCounter(tpm: Tpm, handle: number, access: NvAccess = {}): Promise<number> {
  const { nvPublic } = await nvReadPublic(tpm, handle)
  if (nvPublic.nvType !== 'counter' || nvPublic.dataSize !== COUNTER_BYTES)
    throw new TpmError(`NV index 0x${handle.toString(16)} is no counter`, { field: 'nvIndex' })
  const value = Buffer.from(await nvRead(tpm, handle, access)).readBigUInt64BE()
  if (value > Number.MAX_SAFE_INTEGER) throw new TpmError(`NV counter: ${value} is too large`, { field: 'data' })
  return Number(value)
}

function accessHandles(index: NvIndex, { by = 'index', authorization = NONE }: NvAccess) {
  return [{ entity: by === 'index' ? index : hierarchies[by], authorization }, { entity: index }]
}

async function partSize(tpm: Tpm): Promise<number> {
  const max = await getProperty(tpm, properties.nvBufferMax)
  if (max < 1) throw new TpmError('the TPM says that it reads no NV data at a time', { field: 'TPM_PT_NV_BUFFER_MAX' })
  return Math.min(max, MAX_MESSAGE - OVERHEAD)
}
