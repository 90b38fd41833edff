// TPM 2.0 Library, Part 3, "Object Commands", "Hierarchy Commands" (CreatePrimary) and "Context Management" (EvictControl, FlushContext).
import { TpmError } from '../../error.ts'
import { HASHED_LIMIT } from '../../structures/digest.ts'
import { objectName } from '../../structures/name.ts'
import { encodePcrSelections } from '../../structures/pcr-selection.ts'
import type { PcrSelection } from '../../structures/pcr-selection.ts'
import { encodePublicArea, parsePublicArea } from '../../structures/public-area.ts'
import type { PublicArea } from '../../structures/public-area.ts'
import type { TpmReader } from '../../structures/reader.ts'
import { TpmWriter } from '../../structures/writer.ts'
import { commandCodes } from '../command-codes.ts'
import { flushCommand } from '../flush-command.ts'
import { hierarchies } from '../handles.ts'
import type { Hierarchy } from '../handles.ts'
import type { Authorization, Entity, Tpm } from '../tpm.ts'

/** An object's public part as the TPM returned it. */
export interface PublicPart {
  readonly publicArea: PublicArea
  /** TPMT_PUBLIC, the bytes that the Name is made of. */
  readonly publicBytes: Uint8Array
  readonly name: Uint8Array
}

/** An object that can be used: as an Entity of commands. */
export interface LoadedObject extends PublicPart {
  readonly handle: number
}

/** Describes how an object was made; TPM2_CertifyCreation and policies use it. */
export interface Creation {
  /** TPMS_CREATION_DATA. */
  readonly creationData: Uint8Array
  readonly creationHash: Uint8Array
}

export interface CreateOptions {
  /** What is to be made; `unique` fields are empty, or make a different primary key from the same seed. */
  template: PublicArea
  /** The new object's own authorization value. */
  authValue?: Uint8Array
  /** What is sealed, for a data object. */
  data?: Uint8Array
  /** PCRs whose state goes into the creation data. */
  creationPcrs?: readonly PcrSelection[]
  /** Goes into the creation data. */
  outsideInfo?: Uint8Array
}

const NONE = new Uint8Array(0)
const RSA_OR_ECC_LIMIT = 1024

/** TPM2_CreatePrimary: the same template in the same hierarchy yields the same key. The object is transient. */
export async function createPrimary(
  tpm: Tpm,
  options: CreateOptions & { hierarchy: Hierarchy; authorization?: Authorization },
): Promise<LoadedObject & Creation> {
  const { handle, parameters } = await tpm.execute({
    code: commandCodes.CreatePrimary,
    handles: [{ entity: hierarchies[options.hierarchy], authorization: options.authorization ?? NONE }],
    parameters: createParameters(options),
    returnsHandle: true,
    sizedFirst: 'both',
  })
  const publicBytes = parameters.sized('outPublic', RSA_OR_ECC_LIMIT)
  const creation = readCreation(parameters)
  const name = parameters.sized('name', HASHED_LIMIT)
  parameters.expectEnd('response')
  return { handle: handle!, ...checkedPublic(publicBytes, name), ...creation }
}

/** TPM2_Create: an object under a loaded storage key. `privateBytes` (TPM2B_PRIVATE's contents) is encrypted by the parent; see `load`. */
export async function create(
  tpm: Tpm,
  options: CreateOptions & { parent: Entity; authorization?: Authorization },
): Promise<PublicPart & Creation & { privateBytes: Uint8Array }> {
  const { parameters } = await tpm.execute({
    code: commandCodes.Create,
    handles: [{ entity: options.parent, authorization: options.authorization ?? NONE }],
    parameters: createParameters(options),
    sizedFirst: 'both',
  })
  const privateBytes = parameters.sized('outPrivate')
  const publicBytes = parameters.sized('outPublic', RSA_OR_ECC_LIMIT)
  const creation = readCreation(parameters)
  parameters.expectEnd('response')
  const publicArea = parsePublicArea(publicBytes)
  return { publicArea, publicBytes, name: objectName(publicArea), privateBytes, ...creation }
}

/** TPM2_Load: an object that `create` made under the same parent. It is transient. */
export async function load(
  tpm: Tpm,
  options: { parent: Entity; publicBytes: Uint8Array; privateBytes: Uint8Array; authorization?: Authorization },
): Promise<LoadedObject> {
  const { handle, parameters } = await tpm.execute({
    code: commandCodes.Load,
    handles: [{ entity: options.parent, authorization: options.authorization ?? NONE }],
    parameters: new TpmWriter().sized(options.privateBytes, 'inPrivate').sized(options.publicBytes, 'inPublic').finish(),
    returnsHandle: true,
    sizedFirst: 'both',
  })
  const name = parameters.sized('name', HASHED_LIMIT)
  parameters.expectEnd('response')
  return { handle: handle!, ...checkedPublic(options.publicBytes, name) }
}

/** TPM2_ReadPublic: of a transient or persistent object. */
export async function readPublic(tpm: Tpm, handle: number): Promise<LoadedObject & { qualifiedName: Uint8Array }> {
  const { parameters } = await tpm.execute({ code: commandCodes.ReadPublic, handles: [{ entity: handle }], parameters: NONE })
  const publicBytes = parameters.sized('outPublic', RSA_OR_ECC_LIMIT)
  const name = parameters.sized('name', HASHED_LIMIT)
  const qualifiedName = parameters.sized('qualifiedName', HASHED_LIMIT)
  parameters.expectEnd('response')
  return { handle, ...checkedPublic(publicBytes, name), qualifiedName }
}

/**
 * TPM2_EvictControl: makes a transient object persistent at the handle `persistent`, or removes the persistent object when that is what is given as the
 * object. `hierarchy` is `owner` (handles 0x81000000–0x817fffff) or `platform`.
 */
export async function evictControl(
  tpm: Tpm,
  options: { object: Entity; persistent: number; hierarchy?: 'owner' | 'platform'; authorization?: Authorization },
): Promise<void> {
  await tpm.execute({
    code: commandCodes.EvictControl,
    handles: [
      { entity: hierarchies[options.hierarchy ?? 'owner'], authorization: options.authorization ?? NONE },
      { entity: options.object },
    ],
    parameters: new TpmWriter().u32(options.persistent, 'persistentHandle').finish(),
  })
}

/** TPM2_Unseal: the data of a loaded sealed object. */
export async function unseal(tpm: Tpm, object: Entity, authorization: Authorization = NONE): Promise<Uint8Array> {
  const { parameters } = await tpm.execute({
    code: commandCodes.Unseal,
    handles: [{ entity: object, authorization }],
    parameters: NONE,
    sizedFirst: 'response',
  })
  const data = parameters.sized('outData')
  parameters.expectEnd('response')
  return data
}

/** TPM2_FlushContext: removes a transient object or a session. What `exclusive` made is flushed without it. */
export async function flushContext(tpm: Tpm, handle: number): Promise<void> {
  await tpm.execute(flushCommand(handle))
}

function createParameters({ template, authValue = NONE, data = NONE, creationPcrs = [], outsideInfo = NONE }: CreateOptions): Uint8Array {
  const sensitive = new TpmWriter().sized(authValue, 'userAuth').sized(data, 'data').finish()
  return new TpmWriter()
    .sized(sensitive, 'inSensitive')
    .sized(encodePublicArea(template), 'inPublic')
    .sized(outsideInfo, 'outsideInfo')
    .bytes(encodePcrSelections(creationPcrs))
    .finish()
}

function readCreation(reader: TpmReader): Creation {
  const creationData = reader.sized('creationData')
  const creationHash = reader.sized('creationHash')
  reader.u16('creationTicket tag')
  reader.u32('creationTicket hierarchy')
  reader.sized('creationTicket digest')
  return { creationData, creationHash }
}

/** A Name that does not fit its public area would make every later session fail, or a key pass for another. */
function checkedPublic(publicBytes: Uint8Array, name: Uint8Array): PublicPart {
  const publicArea = parsePublicArea(publicBytes)
  if (publicArea.nameAlg !== 'sm3' && Buffer.compare(objectName(publicArea), name) !== 0)
    throw new TpmError('name: it is not that of the public area', { field: 'name' })
  return { publicArea, publicBytes, name }
}
