import { randomUUID } from 'node:crypto'
import { open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Writes a file that only its owner may read (mode 0600). It appears whole or not at all, and replaces what was there, so that wider
 * permissions of an older file don't stay; a symbolic link stays, and its target is replaced. Devices and pipes are written to as they are.
 */
export async function writePrivateFile(path: string, data: string | Uint8Array): Promise<void> {
  const existing = await stat(path).catch(() => undefined)
  if (existing && !existing.isFile()) return writeFile(path, data)
  const target = existing ? await realpath(path) : path
  const temporary = join(dirname(target), `.${randomUUID()}.tmp`)
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
