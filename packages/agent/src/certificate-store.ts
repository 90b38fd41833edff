// Where the certificate of the attestation key is kept: an NV index of the TPM (and the next, for what does not fit), or a file.
import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TpmResponseError, tpm2 } from '@vouchsafe/tpm'
import type { NvPublic, Tpm } from '@vouchsafe/tpm'
import { certificatesFromPem, parseCertificate, toPem } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import { AgentError, messageOf } from './errors.ts'

type Place = { readonly nvIndex: number } | { readonly path: string }
type Certificates = readonly [Certificate, ...Certificate[]]

const MAX_CERTIFICATES = 5
const MAX_FILE_BYTES = 256 * 1024
/** What one NV index holds of a certificate, when the TPM doesn't say. */
const USUAL_NV_SIZE = 1024

/** The certificate, and those of CAs that follow it in a file; undefined when there is none. Throws AgentError. */
export async function readCertificate(tpm: Tpm, place: Place): Promise<Certificates | undefined> {
  return 'path' in place ? await readFromFile(place.path) : await readFromNv(tpm, place.nvIndex)
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
    return bytes[0] === 0x30 ? [parseCertificate(bytes)] : certificatesFromPem(bytes.toString('latin1'), { max: MAX_CERTIFICATES })
  })
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
  const name = `NV index 0x${index.toString(16)}`
  const size = derSize(bytes)
  if (size === undefined) throw new AgentError('collection', `${name} holds no certificate`)
  // The original agent's tools split a long certificate over two indices.
  if (size > bytes.length) bytes = Buffer.concat([bytes, (await readIndex(tpm, index + 1)) ?? Buffer.alloc(0)])
  if (size > bytes.length) throw new AgentError('collection', `${name} holds ${bytes.length} of the ${size} bytes of a certificate`)
  const der = bytes.subarray(0, size)
  return parse(name, () => [parseCertificate(der)])
}

async function writeToNv(tpm: Tpm, index: number, der: Uint8Array): Promise<void> {
  const most = await tpm2.getProperty(tpm, tpm2.properties.nvIndexMax).catch(() => USUAL_NV_SIZE)
  const parts = [der.subarray(0, most), der.subarray(most)].filter(({ length }) => length > 0)
  if (der.length > 2 * most) throw new AgentError('collection', `the certificate has ${der.length} bytes, two NV indices hold ${2 * most}`)
  for (const [i, part] of parts.entries()) {
    const size = await definedSize(tpm, index + i)
    if (size !== undefined && size !== part.length) await tpm2.nvUndefineSpace(tpm, { index: await tpm2.nvReadPublic(tpm, index + i) })
    if (size !== part.length) await tpm2.nvDefineSpace(tpm, { nvPublic: certificateIndex(index + i, part.length) })
    await tpm2.nvWrite(tpm, index + i, part, { by: 'owner' })
  }
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

async function definedSize(tpm: Tpm, index: number): Promise<number | undefined> {
  try {
    return (await tpm2.nvReadPublic(tpm, index)).nvPublic.dataSize
  } catch (error) {
    if (error instanceof TpmResponseError && error.codeName === 'TPM_RC_HANDLE') return undefined
    throw error
  }
}

/** How long the DER element is that begins here (X.690 §8.1.3): an index may be longer than its certificate. */
function derSize(bytes: Uint8Array): number | undefined {
  if (bytes[0] !== 0x30 || bytes.length < 4) return undefined
  const [, first = 0, second = 0, third = 0] = bytes
  if (first < 0x80) return 2 + first
  if (first === 0x81) return 3 + second
  return first === 0x82 ? 4 + (second << 8) + third : undefined
}

function parse(name: string, read: () => Certificate[]): Certificates {
  try {
    return read() as [Certificate, ...Certificate[]]
  } catch (error) {
    throw new AgentError('collection', `certificate ${name}: ${messageOf(error)}`, { cause: error })
  }
}
