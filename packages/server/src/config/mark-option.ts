import { resolve } from 'node:path'
import { nonEmpty } from './option-values.ts'

/** Among those that belong to the machine's owner (TCG Registry of Reserved TPM 2.0 Handles and Localities). */
const DEFAULT_INDEX = '0x01805601'

/** A mark in a TPM, as {@link readMark} returns it; the first group is the NV index. */
export const MARK_IN_TPM = /^tpm:0x(01[0-9a-f]{6})$/

/** `tpm`, `tpm:INDEX`, or the path of a file, which is made absolute. */
export function readMark(text: string): string {
  if (text === 'tpm') return `tpm:${DEFAULT_INDEX}`
  const mark = text.toLowerCase()
  if (MARK_IN_TPM.test(mark)) return mark
  if (text.startsWith('tpm:')) throw new Error(`'${text}' is not tpm:INDEX with an NV index from 0x01000000 to 0x01ffffff`)
  return resolve(nonEmpty(text))
}
