// Reference values: what a folder's files, or the entries of an IMA log, are measured as.
import { createHash } from 'node:crypto'
import { open, readdir } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { digestSizes, parseImaLog, TpmError } from '@vouchsafe/tpm'
import type { HashAlgorithm } from '@vouchsafe/tpm'
import { CommandError } from '@vouchsafe/command'

/** One reference value of a baseline. */
export type ReferenceValue = { fileName?: string } & ({ sha256: string } | { alg: HashAlgorithm; digest: string })

export interface GatheredValues {
  values: ReferenceValue[]
  /** Why some of what was there gave no value, and how many: a line each. */
  notes: string[]
}

/** What one baseline may list. */
const MAX_VALUES = 1_000_000
/** Linux's longest path. */
const MAX_NAME = 4096
const READ_BYTES = 1024 * 1024

/**
 * Hashes every file below a folder, in the order of their names. Links are not followed. Names are those that IMA logs where the folder's
 * content lies below `prefix`. Throws CommandError beyond a million files.
 */
export async function valuesOfFolder(folder: string, algorithm: HashAlgorithm, prefix: string): Promise<GatheredValues> {
  const values: ReferenceValue[] = []
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  let vanished = 0
  let long = 0
  /** Folders and files still to do, the next one last: paths as bytes, which need not be text, and names. */
  const pending = [{ path: Buffer.from(folder), name: prefix.replace(/\/+$/, ''), isFolder: true }]
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { path, name, isFolder } = next
    if (isFolder) {
      const entries = (await readdir(path, { withFileTypes: true, encoding: 'buffer' }))
        .filter((entry) => entry.isFile() || entry.isDirectory())
        .sort((a, b) => Buffer.compare(b.name, a.name))
      if (values.length + pending.length + entries.length > MAX_VALUES) throw tooMany(folder)
      for (const entry of entries) {
        // The kernel writes names with underscores for blanks.
        const ownName = entry.name.toString().replaceAll(' ', '_')
        pending.push({
          path: Buffer.concat([path, Buffer.from('/'), entry.name]),
          name: `${name}/${ownName}`,
          isFolder: entry.isDirectory(),
        })
      }
      continue
    }
    const digest = await hashFile(path, algorithm, buffer)
    if (digest === undefined) vanished++
    else if (name.length > MAX_NAME) long++
    else values.push(referenceValue(algorithm, digest, name))
  }
  return {
    values,
    notes: [
      ...(vanished > 0 ? [`${vanished} files vanished before they were read`] : []),
      ...(long > 0 ? [`${long} files have a name longer than ${MAX_NAME} characters`] : []),
    ],
  }
}

/**
 * The distinct files of an IMA log. Nothing in a log proves that it is complete or true: take it from a host that you trust. The boot
 * aggregate, which differs from host to host, and violations are left out. Throws CommandError.
 */
export function valuesOfImaLog(path: string, bytes: Uint8Array): GatheredValues {
  const values = new Map<string, ReferenceValue>()
  let violations = 0
  let unusable = 0
  for (const entry of readLog(path, bytes)) {
    const { path: name = '', fileDigest, violation, number } = entry
    if (violation) violations++
    else if (number === 0 && name === 'boot_aggregate') continue
    else if (
      fileDigest === undefined ||
      digestSizeOf(fileDigest.algorithm) !== fileDigest.digest.length ||
      name === '' ||
      name.length > MAX_NAME
    )
      unusable++
    else {
      const digest = fileDigest.digest.toHex()
      values.set(`${digest} ${name}`, referenceValue(fileDigest.algorithm as HashAlgorithm, digest, name))
    }
  }
  if (values.size === 0) throw new CommandError(`${path}: this log has no entry for a file`)
  return {
    values: [...values.values()],
    notes: [
      ...(violations > 0 ? [`${violations} entries are violations: their files were measured while they were written`] : []),
      ...(unusable > 0 ? [`${unusable} entries have no digest that a baseline can hold`] : []),
    ],
  }
}

function readLog(path: string, bytes: Uint8Array) {
  try {
    return parseImaLog(bytes, { limits: { entries: MAX_VALUES } }).entries
  } catch (error) {
    if (!(error instanceof TpmError)) throw error
    throw new CommandError(`${path}: ${error.message}${error.offset === undefined ? '' : ` (at byte ${error.offset})`}`)
  }
}

function digestSizeOf(algorithm: string): number | undefined {
  return Object.hasOwn(digestSizes, algorithm) ? digestSizes[algorithm as HashAlgorithm] : undefined
}

function referenceValue(algorithm: HashAlgorithm, digest: string, fileName: string): ReferenceValue {
  return algorithm === 'sha256' ? { fileName, sha256: digest } : { fileName, alg: algorithm, digest }
}

/** In hex; undefined when the file is gone. */
async function hashFile(path: Buffer, algorithm: HashAlgorithm, buffer: Buffer): Promise<string | undefined> {
  let file: FileHandle
  try {
    file = await open(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const hash = createHash(algorithm)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

function tooMany(folder: string): CommandError {
  return new CommandError(`${folder} has more than ${MAX_VALUES} files; make baselines of its parts`)
}
