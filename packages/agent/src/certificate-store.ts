// Where the certificate of the attestation key is kept: an NV index of the TPM (and the next, for what does not fit), or a file.
import { randomUUID } from 'node:crypto'
import { access, constants, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TpmResponseError, tpm2 } from '@vouchsafe/tpm'
import type { NvPublic, Tpm } from '@vouchsafe/tpm'
import { certificatesFromPem, parseCertificate, toPem } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import { AgentError, messageOf } from './errors.ts'

type Place = { readonly nvIndex: number } | { readonly path: string }
type Certificates = readonly [Certificate, ...Certificate[]]

/** Of one file. */
export const MAX_CERTIFICATES = 5
const MAX_FILE_BYTES = 256 * 1024
/** What one NV index holds of a certificate, when the TPM doesn't say. */
const USUAL_NV_SIZE = 1024
/** With what a certificate begins. */
const DER_SEQUENCE = 0x30

/** The certificate, and those of CAs that follow it in a file; undefined when there is none. Throws AgentError. */
export async function readCertificate(tpm: Tpm, place: Place): Promise<Certificates | undefined> {
  return 'path' in place ? await readFromFile(place.path) : await readFromNv(tpm, place.nvIndex)
}

/**
 * Asks whether `writeCertificate` will find room, before anybody issues a certificate in vain: what is there must be a certificate, or a part of one that
 * was interrupted. Throws AgentError.
 */
export async function requireRoom(tpm: Tpm, place: Place): Promise<void> {
  if ('path' in place) await requireRoomForFile(place.path)
  else await indicesOfCertificate(tpm, place.nvIndex)
}

/** Keeps a certificate in place of the one that is there. An NV index keeps only the first. Throws AgentError and TpmError. */
export async function writeCertificate(tpm: Tpm, place: Place, certificates: Certificates): Promise<void> {
  if ('path' in place) await writeToFile(place.path, certificates.map(({ der }) => toPem('CERTIFICATE', der)).join(''))
  else await writeToNv(tpm, place.nvIndex, certificates[0].der)
}

/** The certificates of a file, PEM or DER; undefined when there is no such file. Throws AgentError. */
export async function readFromFile(path: string): Promise<Certificates | undefined> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new AgentError('collection', `certificate ${path}: ${messageOf(error)}`, { cause: error })
  }
  return parse(path, () => {
    if (bytes.length > MAX_FILE_BYTES) throw new Error(`longer than ${MAX_FILE_BYTES} bytes`)
    return bytes[0] === DER_SEQUENCE ? [parseCertificate(bytes)] : certificatesFromPem(bytes.toString('latin1'), { max: MAX_CERTIFICATES })
  })
}

async function requireRoomForFile(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK)
    const present = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0)
      throw error
    })
    if (present.length > 0 && present[0] !== DER_SEQUENCE && !present.includes('-----BEGIN CERTIFICATE-----'))
      throw new Error('it is not a certificate, and is left unchanged')
  } catch (error) {
    throw new AgentError('collection', `certificate ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** Appears whole or not at all: a certificate that is half written would stop the agent. */
async function writeToFile(path: string, pem: string): Promise<void> {
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`)
  try {
    await writeFile(temporary, pem, { flag: 'wx', mode: 0o644, flush: true })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw new AgentError('collection', `certificate ${path}: ${messageOf(error)}`, { cause: error })
  }
}

async function readFromNv(tpm: Tpm, index: number): Promise<Certificates | undefined> {
  let bytes = await readIndex(tpm, index)
  if (bytes === undefined) return undefined
  const name = nameOf(index)
  const size = derSize(bytes)
  if (size === undefined) throw new AgentError('collection', `${name} holds no certificate`)
  // The original agent's tools split a long certificate over two indices.
  if (size > bytes.length) bytes = Buffer.concat([bytes, (await readIndex(tpm, index + 1)) ?? Buffer.alloc(0)])
  if (size > bytes.length) throw new AgentError('collection', `${name} holds ${bytes.length} of the ${size} bytes of a certificate`)
  const der = bytes.subarray(0, size)
  return parse(name, () => [parseCertificate(der)])
}

/** What is there is removed first: an interruption leaves no certificate or the beginning of one, never a mixture of two. */
async function writeToNv(tpm: Tpm, index: number, der: Uint8Array): Promise<void> {
  const max = await tpm2.getProperty(tpm, tpm2.properties.nvIndexMax).catch(() => USUAL_NV_SIZE)
  if (der.length > 2 * max) throw new AgentError('collection', `the certificate has ${der.length} bytes, two NV indices hold ${2 * max}`)
  const present = await indicesOfCertificate(tpm, index)
  const parts = [der.subarray(0, max), der.subarray(max)].filter(({ length }) => length > 0)
  if (parts.length === 2 && !present.includes(index + 1) && (await isDefined(tpm, index + 1)))
    throw new AgentError('collection', `the certificate needs ${nameOf(index + 1)} too, which holds something else`)
  for (const each of present.reverse()) await tpm2.nvUndefineSpace(tpm, { index: await tpm2.nvReadPublic(tpm, each) })
  for (const [i, part] of parts.entries()) {
    await tpm2.nvDefineSpace(tpm, { nvPublic: certificateIndex(index + i, part.length) })
    await tpm2.nvWrite(tpm, index + i, part, { by: 'owner' })
  }
}

/**
 * The indices that a certificate takes, or what is left of one: none, the given one, or the next too. Throws AgentError if it is not a
 * certificate.
 */
async function indicesOfCertificate(tpm: Tpm, index: number): Promise<number[]> {
  if (!(await isDefined(tpm, index))) return []
  const bytes = await readIndex(tpm, index)
  if (bytes === undefined) return [index]
  if (bytes[0] !== DER_SEQUENCE)
    throw new AgentError(
      'collection',
      `what is in ${nameOf(index)} is not a certificate, and is left unchanged: choose another ak_nv_index`,
    )
  const continues = (derSize(bytes) ?? 0) > bytes.length && (await isDefined(tpm, index + 1))
  return continues ? [index, index + 1] : [index]
}

/** Anybody may read it, as a certificate; the owner writes it. */
function certificateIndex(index: number, dataSize: number): NvPublic {
  return {
    index,
    nameAlg: 'sha256',
    nvType: 'ordinary',
    attributes: ['ownerWrite', 'ownerRead', 'authRead', 'noDA'],
    authPolicy: new Uint8Array(0),
    dataSize,
  }
}

async function readIndex(tpm: Tpm, index: number): Promise<Uint8Array | undefined> {
  try {
    return await tpm2.nvRead(tpm, index)
  } catch (error) {
    if (error instanceof TpmResponseError && ['TPM_RC_HANDLE', 'TPM_RC_NV_UNINITIALIZED'].includes(error.codeName)) return undefined
    throw error
  }
}

async function isDefined(tpm: Tpm, index: number): Promise<boolean> {
  try {
    await tpm2.nvReadPublic(tpm, index)
    return true
  } catch (error) {
    if (error instanceof TpmResponseError && error.codeName === 'TPM_RC_HANDLE') return false
    throw error
  }
}

/** How long the DER element is that begins here (X.690 §8.1.3): an index may be longer than its certificate. */
function derSize(bytes: Uint8Array): number | undefined {
  if (bytes[0] !== DER_SEQUENCE || bytes.length < 4) return undefined
  const [, first = 0, second = 0, third = 0] = bytes
  if (first < 0x80) return 2 + first
  if (first === 0x81) return 3 + second
  return first === 0x82 ? 4 + (second << 8) + third : undefined
}

function nameOf(index: number): string {
  return `NV index 0x${index.toString(16)}`
}

function parse(name: string, read: () => Certificate[]): Certificates {
  try {
    return read() as [Certificate, ...Certificate[]]
  } catch (error) {
    throw new AgentError('collection', `certificate ${name}: ${messageOf(error)}`, { cause: error })
  }
}
