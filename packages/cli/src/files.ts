// Input and output of the commands that work on data.
import { createReadStream } from 'node:fs'
import { CommandError, UsageError } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import type { Host } from './command.ts'
import { writePrivateFile } from './private-file.ts'

/** Bytes beyond which no action takes data (base64 included). */
const MAX_INPUT_BYTES = 64 * 1024

/** What a command can do instead with more input than it takes. */
const ENCRYPTION_LIMIT = 'at most 6144 bytes can be processed; encrypt more under a data key'

/**
 * All bytes of a file, or of standard input without a name or with `-`. Throws CommandError, which ends with `limit`, when there are more
 * than any action takes.
 */
export async function readInput(host: Host, path: string | undefined, limit = ENCRYPTION_LIMIT): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  const fromFile = path !== undefined && path !== '-'
  for await (const chunk of fromFile ? createReadStream(path) : host.stdin) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    size += chunks.at(-1)!.length
    if (size > MAX_INPUT_BYTES) throw new CommandError(`${fromFile ? path : 'the input'} is too long: ${limit}`)
  }
  return Buffer.concat(chunks)
}

/** The bytes of base64 text, which may hold line breaks. Throws CommandError. */
export function fromBase64(what: string, text: Buffer): Buffer {
  const compact = text.toString('latin1').replace(/\s+/g, '')
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact)) throw new CommandError(`${what} is not base64`)
  return Buffer.from(compact, 'base64')
}

/**
 * The outcome of a command that makes bytes: into the file (mode 0600) when one is named, else to standard output. `binary` says that the
 * bytes mean nothing to people, so they don't go to a terminal.
 */
export async function bytesOutcome(
  host: Host,
  values: { out?: string; base64?: boolean; json?: boolean },
  data: { keyid: string; field: string; bytes: Uint8Array; binary: boolean },
): Promise<Outcome> {
  const { keyid, field, bytes, binary } = data
  const base64 = bytes.toBase64()
  const output = values.base64 ? `${base64}\n` : bytes
  if (values.out !== undefined && values.out !== '-') {
    await writePrivateFile(values.out, output)
    return { json: { keyid, out: values.out, bytes: bytes.length }, text: '' }
  }
  if (binary && !values.base64 && !values.json && host.stdout.isTTY)
    throw new UsageError('this would write binary data to the terminal; use --out FILE or --base64')
  return { json: { keyid, [field]: base64 }, text: output }
}
