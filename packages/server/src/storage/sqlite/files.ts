import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** Makes the directory (0700) and what is missing above it, durably. */
export function createPrivateDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  const above = dirname(resolve(first))
  for (let directory = dirname(resolve(path)); directory.length >= above.length; directory = dirname(directory)) {
    syncDirectory(directory)
    if (directory === above) return
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Makes an empty file (0600) unless it is there. The file gets its name only after its descriptor is closed: closing any descriptor of
 * a database drops all locks that this process has on it (https://sqlite.org/howtocorrupt.html, section 2.2).
 */
export function createPrivateFile(path: string): void {
  if (existsSync(path)) return
  const unnamed = `${path}.${randomUUID()}.new`
  writeFileSync(unnamed, '', { mode: 0o600, flag: 'wx' })
  try {
    linkSync(unnamed, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    unlinkSync(unnamed)
  }
}
