import { createSecretKey } from 'node:crypto'
import { link, mkdir, open, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Platform } from '../platform.ts'
import { SealError, type RootKey, type Seal } from './seal.ts'

const FORMAT = 'vouchsafe-root-key'
const FORMAT_VERSION = 1
const KEY_BYTES = 32
/** A key file is a few hundred bytes; more isn't one. */
const MAX_FILE_BYTES = 4096

/** The `file` seal: 32 random bytes in `root.key` of the data directory, mode 0600, refused when anybody else may read it. */
export function fileSeal(dataDir: string, platform: Platform): Seal {
  const path = join(dataDir, 'root.key')
  return {
    kind: 'file',
    describe: () => path,
    load: () => loadKeyFile(path),
    create: () => createKeyFile(path, platform),
  }
}

async function loadKeyFile(path: string): Promise<RootKey | undefined> {
  let file
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new SealError(`cannot read the root key ${path}: ${(error as Error).message}`)
  }
  try {
    const info = await file.stat()
    if (!info.isFile()) throw new SealError(`the root key ${path} is not a regular file`)
    if ((info.mode & 0o077) !== 0) {
      const mode = (info.mode & 0o777).toString(8).padStart(4, '0')
      throw new SealError(
        `the root key ${path} can be read by others (mode ${mode}): run 'chmod 600 ${path}', and rotate it if others may have read it`,
      )
    }
    if (info.size > MAX_FILE_BYTES) throw new SealError(`the root key ${path} is too large to be a key file`)
    return parseKeyFile(path, await file.readFile('utf8'))
  } finally {
    await file.close()
  }
}

function parseKeyFile(path: string, text: string): RootKey {
  let content: Record<string, unknown> | null
  try {
    content = JSON.parse(text)
  } catch {
    throw new SealError(`the root key ${path} is damaged: it is not the JSON that the server wrote`)
  }
  const { format, version, id, key } = content ?? {}
  if (format !== FORMAT || version !== FORMAT_VERSION) throw new SealError(`${path} is not a root key file that this version can read`)
  const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.alloc(0)
  if (typeof id !== 'string' || !/^[0-9a-f-]{36}$/.test(id) || bytes.length !== KEY_BYTES)
    throw new SealError(`the root key ${path} is damaged`)
  const root = { id, key: createSecretKey(bytes) }
  bytes.fill(0)
  return root
}

/** Written beside, synced, then linked into place: the file is whole or absent, and an existing one is never replaced. */
async function createKeyFile(path: string, platform: Platform): Promise<RootKey> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const id = platform.uuid()
  const bytes = platform.randomBytes(KEY_BYTES)
  const temporary = `${path}.${id}.new`
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify({ format: FORMAT, version: FORMAT_VERSION, id, key: bytes.toString('base64') })}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(temporary, path)
  } catch (error) {
    throw new SealError(`cannot create the root key ${path}: ${(error as Error).message}`)
  } finally {
    await unlink(temporary)
  }
  await syncDirectory(dirname(path))
  const root = { id, key: createSecretKey(bytes) }
  bytes.fill(0)
  return root
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    if ((await stat(path)).isDirectory()) await directory.sync()
  } finally {
    await directory.close()
  }
}
