// Policies and documents for policy commands: files, and folders with everything in them that is Rego.
import { randomUUID } from 'node:crypto'
import { open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '@vouchsafe/rego'
import type { SourceFile, Version } from '@vouchsafe/rego'
import { CommandError, UsageError } from '@vouchsafe/command'
import type { Host } from '../command.ts'

const MAX_POLICY_BYTES = 4 * 1024 * 1024
const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024

export const VERSION_OPTIONS = {
  v0: { type: 'boolean', summary: 'read the policies in the old syntax (default: unless they say import rego.v1)' },
  v1: { type: 'boolean', summary: 'read the policies in the new syntax' },
} as const

export interface VersionValues {
  v0?: boolean
  v1?: boolean
}

export function versionOf({ v0 = false, v1 = false }: VersionValues): Version | undefined {
  if (v0 && v1) throw new UsageError('--v0 and --v1 contradict each other')
  return v0 ? 'v0' : v1 ? 'v1' : undefined
}

/** The sources at paths; of a folder, those whose names end in .rego, wherever in it. */
export async function readSources(paths: readonly string[]): Promise<SourceFile[]> {
  const files = await Promise.all(paths.map(filesAt))
  return Promise.all(files.flat().map(async (file) => ({ file, source: (await readFile(file, MAX_POLICY_BYTES)).toString() })))
}

async function filesAt(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const found = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.rego')).map((entry) => join(entry.parentPath, entry.name))
  if (found.length === 0) throw new CommandError(`${path} has no policies: no file in it ends in .rego`)
  return found.sort()
}

async function readFile(path: string, limit: number): Promise<Buffer> {
  await using file = await open(path)
  const { size } = await file.stat()
  if (size > limit) throw new CommandError(`${path} is too long: at most ${limit} bytes are read`)
  return await file.readFile()
}

/** Writes a policy in its place: it is whole, or as it was before. */
export async function replaceSource(path: string, source: string): Promise<void> {
  const { mode } = await stat(path)
  const temporary = `${path}.${randomUUID()}.new`
  try {
    await writeFile(temporary, source, { flag: 'wx', mode })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The JSON in a file, or with `-` in standard input. */
export async function readJson(host: Host, path: string): Promise<unknown> {
  const bytes = path === '-' ? await readStandardInput(host) : await readFile(path, MAX_DOCUMENT_BYTES)
  try {
    return parseJson(bytes.toString())
  } catch (error) {
    throw new CommandError(`${path} is not JSON: ${(error as Error).message}`)
  }
}

async function readStandardInput(host: Host): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of host.stdin) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    size += chunks.at(-1)!.length
    if (size > MAX_DOCUMENT_BYTES) throw new CommandError('the input is too long')
  }
  return Buffer.concat(chunks)
}
