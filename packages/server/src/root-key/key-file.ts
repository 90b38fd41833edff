/**
 * The root key's file, `root.key` in the data directory: mode 0600, refused if anyone else can read it. It states what protects the
 * key in it. During a rotation `root.key.next` lies beside it; the store names the key that seals it, so that whenever a
 * rotation is interrupted, the right one of the two is used and is never removed.
 */
import { createSecretKey } from 'node:crypto'
import { link, mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Runtime } from '../foundation/index.ts'
import { passphraseProtector, plainProtector, type PassphraseSource } from './protectors.ts'
import { PROTECTOR_KINDS, SealError, type Protector, type RootKey, type RootKeyStore, type ProtectorKind } from './root-key-store.ts'

const FORMAT = 'vouchsafe-root-key'
/** Version 1 holds the bare key; version 2 states what protects it. */
const PLAIN_VERSION = 1
const PROTECTED_VERSION = 2
const KEY_BYTES = 32
/** A key file has a few hundred bytes, or a few thousand with a TPM's blobs; anything larger is not a key file. */
const MAX_FILE_BYTES = 16_384

export interface RootKeyFileOptions {
  dataDir: string
  runtime: Runtime
  /** What protects a root key that is created because there is none. */
  kind?: ProtectorKind
  /** Returns the passphrase of a root key that is protected by one. */
  passphrase?: PassphraseSource
  /** Ways to protect it in addition to those that need nothing but this program. */
  protectors?: readonly Protector[]
}

interface KeyFile {
  path: string
  id: string
  kind: ProtectorKind
  fields: Readonly<Record<string, unknown>>
}

/** The root keys that lie in a data directory. */
export function rootKeyFile({ dataDir, runtime, kind = 'file', passphrase, protectors = [] }: RootKeyFileOptions): RootKeyStore {
  const path = join(dataDir, 'root.key')
  const staged = `${path}.next`
  const known = [plainProtector, passphraseProtector(runtime, passphrase ?? (async () => undefined)), ...protectors]

  const make = async (file: string, protector: Protector): Promise<RootKey> => {
    const id = runtime.uuid()
    const bytes = runtime.randomBytes(KEY_BYTES)
    try {
      const fields = await protector.protect(bytes, id)
      const version = protector.kind === 'file' ? PLAIN_VERSION : PROTECTED_VERSION
      const kindField = protector.kind === 'file' ? {} : { seal: protector.kind }
      await writeKeyFile(file, `${JSON.stringify({ format: FORMAT, version, id, ...kindField, ...fields })}\n`, id, file === staged)
      return { id, key: createSecretKey(bytes) }
    } finally {
      bytes.fill(0)
    }
  }

  return {
    describe: () => path,
    kind: async () => (await readKeyFile(path))?.kind,
    async load(id) {
      const files = (await Promise.all([readKeyFile(path), readKeyFile(staged)])).filter((file) => file !== undefined)
      const file = id === null ? files[0] : files.find((each) => each.id === id)
      if (file) return reveal(file, protectorOf(known, file.kind))
      const [other] = files
      if (!other) return undefined
      throw new SealError(`the root key ${path} has id ${other.id}, but this store is sealed by ${id}: put the right file back`)
    },
    async create() {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      return make(path, protectorOf(known, kind))
    },
    stage(choice) {
      const given = choice.passphrase
      const chosen =
        choice.kind === 'passphrase' && given !== undefined
          ? passphraseProtector(runtime, async () => given)
          : protectorOf(known, choice.kind)
      return make(staged, chosen)
    },
    async settle(id) {
      if ((await readKeyFile(staged))?.id !== id) return
      await rename(staged, path)
      await syncDirectory(dirname(path))
    },
  }
}

function protectorOf(known: readonly Protector[], kind: ProtectorKind): Protector {
  const found = known.find((protector) => protector.kind === kind)
  if (!found) throw new SealError(`the seal '${kind}' cannot be used here`)
  return found
}

async function reveal({ path, id, fields }: KeyFile, protector: Protector): Promise<RootKey> {
  const bytes = await protector.reveal(fields, id)
  try {
    if (bytes.length !== KEY_BYTES) throw new SealError(`the root key ${path} is damaged`)
    return { id, key: createSecretKey(bytes) }
  } finally {
    bytes.fill(0)
  }
}

async function readKeyFile(path: string): Promise<KeyFile | undefined> {
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

function parseKeyFile(path: string, text: string): KeyFile {
  let content: Record<string, unknown> | null
  try {
    content = JSON.parse(text)
  } catch {
    throw new SealError(`the root key ${path} is damaged: it is not the JSON that the server wrote`)
  }
  const { format, version, id, seal: sealedBy, ...fields } = content ?? {}
  const kind = version === PLAIN_VERSION ? 'file' : PROTECTOR_KINDS.find((each) => each === sealedBy)
  if (format !== FORMAT || (version !== PLAIN_VERSION && version !== PROTECTED_VERSION) || kind === undefined)
    throw new SealError(`${path} is not a root key file that this version can read`)
  if (typeof id !== 'string' || !/^[0-9a-f-]{36}$/.test(id)) throw new SealError(`the root key ${path} is damaged`)
  return { path, id, kind, fields }
}

/** Written to a temporary file, synced, then renamed: the file is whole or absent. An existing one is replaced only on request. */
async function writeKeyFile(path: string, text: string, id: string, replace: boolean): Promise<void> {
  const temporary = `${path}.${id}.new`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    if (replace) await rename(temporary, path)
    else await link(temporary, path)
  } catch (error) {
    throw new SealError(`cannot create the root key ${path}: ${(error as Error).message}`)
  } finally {
    await unlink(temporary).catch(() => {})
  }
  await syncDirectory(dirname(path))
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
