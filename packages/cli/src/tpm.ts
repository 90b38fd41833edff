// What the commands that talk to a TPM have in common.
import { createHash } from 'node:crypto'
import { DEFAULT_DEVICE, PCR_COUNT, digestSizes, openTpm } from '@vouchsafe/tpm'
import type { HashAlgorithm, Hashes, PcrBank, Tpm } from '@vouchsafe/tpm'
import { UsageError, columns } from '@vouchsafe/command'
import type { Host } from './command.ts'

/** The hashes that the library leaves to its caller. */
export const hashes: Hashes = { sm3: (data) => createHash('sm3').update(data).digest() }

export const TPM_OPTION = {
  tpm: {
    type: 'string',
    value: 'ADDRESS',
    summary: `a device, swtpm:HOST:PORT or swtpm:/PATH (default $VOUCHSAFE_TPM or ${DEFAULT_DEVICE})`,
  },
} as const

/** Has the TPM to itself for the work, and leaves nothing in it. */
export async function withTpm<T>(host: Host, values: { tpm?: string }, work: (tpm: Tpm) => Promise<T>): Promise<T> {
  await using tpm = await openTpm(values.tpm ?? host.env.VOUCHSAFE_TPM ?? DEFAULT_DEVICE)
  return await tpm.exclusive(work)
}

/** Reads a selection as tpm2-tools write it, with ranges too: `sha256:0-7,14+sha1:0`, `sha384:all`. Throws UsageError. */
export function pcrSelections(option: string, text: string): { algorithm: HashAlgorithm; indices: number[] }[] {
  const selections = text.split('+').map((part) => {
    const match = /^([a-z0-9]+):([0-9,-]+|all)$/.exec(part)
    if (match === null || !Object.hasOwn(digestSizes, match[1]!))
      throw new UsageError(
        `--${option}: '${part}' is not BANK:PCRS such as sha256:0-7,14; banks are ${Object.keys(digestSizes).join(', ')}`,
      )
    const ranges = match[2] === 'all' ? [`0-${PCR_COUNT - 1}`] : match[2]!.split(',')
    const indices = ranges.flatMap((range) => pcrRange(option, range))
    return { algorithm: match[1] as HashAlgorithm, indices: [...new Set(indices)].sort((a, b) => a - b) }
  })
  if (new Set(selections.map(({ algorithm }) => algorithm)).size < selections.length)
    throw new UsageError(`--${option} names a bank more than once`)
  return selections
}

function pcrRange(option: string, text: string): number[] {
  const [, first = '', last = first] = /^(\d{1,2})(?:-(\d{1,2}))?$/.exec(text) ?? []
  const [from, to] = [Number(first), Number(last)]
  if (first === '' || to < from || to >= PCR_COUNT)
    throw new UsageError(`--${option}: '${text}' is not one of the PCRs 0 to ${PCR_COUNT - 1}`)
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

/** The bytes of an option in hex. Throws UsageError. */
export function hexBytes(option: string, text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw new UsageError(`--${option} must be bytes in hex`)
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/** `{bank: {index: hex}}` */
export function pcrsJson(banks: readonly PcrBank[]): Record<string, Record<string, string>> {
  return Object.fromEntries(
    banks.map(({ algorithm, values }) => [algorithm, Object.fromEntries([...values].map(([index, value]) => [index, value.toHex()]))]),
  )
}

export function pcrsText(banks: readonly PcrBank[]): string {
  return columns(banks.flatMap(({ algorithm, values }) => [...values].map(([index, value]) => [algorithm, String(index), value.toHex()])))
}
