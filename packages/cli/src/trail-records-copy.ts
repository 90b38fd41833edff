import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { RECORDS_FOLDER, recordFiles } from './trail-records.ts'

/** A file of records, as long as it was when it was looked at. */
interface RecordsFile {
  name: string
  path: string
  size: number
}

/** The files of records in a data directory, oldest first. */
export async function recordsIn(dataDir: string): Promise<RecordsFile[]> {
  const folder = join(dataDir, 'audit')
  const files = (await recordFiles(folder)).map(async (name) => ({
    name,
    path: join(folder, name),
    size: (await stat(join(folder, name))).size,
  }))
  return Promise.all(files)
}

/**
 * Copies files of records into an export. They only grow: of those that are there already, what is new is appended, so that what was exported
 * once is never overwritten. Returns how many bytes were new.
 */
export async function copyRecords(files: readonly RecordsFile[], folder: string): Promise<number> {
  if (files.length > 0) await mkdir(join(folder, RECORDS_FOLDER), { recursive: true, mode: 0o700 })
  let bytes = 0
  for (const { name, path, size } of files) {
    const target = join(folder, RECORDS_FOLDER, name)
    const start = (await stat(target).catch(() => undefined))?.size ?? 0
    if (size <= start) continue
    await pipeline(createReadStream(path, { start, end: size - 1 }), createWriteStream(target, { flags: 'a', mode: 0o600 }))
    bytes += size - start
  }
  return bytes
}
