import { TpmError } from '../error.ts'
import { digestSizes } from '../hash.ts'
import { Arena } from './arena.ts'
import type { ImaSource } from './entry.ts'
import { ImaEntry } from './entry.ts'
import { fitsTemplate, uint32 } from './field.ts'
import type { ImaLimits } from './limits.ts'
import type { ImaTemplate } from './template.ts'
import { imaTemplate } from './template.ts'

const MAX_TEMPLATE_NAME = 255
/** SHA-1 in `binary_runtime_measurements`; the bank's in `binary_runtime_measurements_sha256` and the like. */
const DIGEST_SIZES = [20, 32, 48, 64]

/**
 * Reads `binary_runtime_measurements` of a little-endian kernel: PCR, template digest, length and name of the template, then length and template data (for
 * the template `ima` a SHA-1 digest, the length of the name, the name). The size of the digests shows in the first entry.
 *
 * Source: Linux, security/integrity/ima/ima_fs.c, ima_measurements_show.
 */
export function parseBinaryLog(source: ImaSource, first: number, limits: ImaLimits): { entries: ImaEntry[]; end: number } {
  const { bytes } = source
  const size = digestSize(bytes)
  const entries: ImaEntry[] = []
  const arena = new Arena(bytes.length)
  let template: ImaTemplate | undefined
  let templateName = ''
  let start = 0
  while (size !== undefined && bytes.length - start >= 8 + size) {
    const number = first + entries.length
    const wrong = (field: string, problem: string): TpmError => new TpmError(`entry ${number}: ${problem}`, { field, offset: start })
    const pcr = uint32(bytes, start)
    const digestStart = start + 4
    const digestEnd = digestStart + size
    const nameLength = uint32(bytes, digestEnd)
    const nameEnd = digestEnd + 4 + nameLength
    if (nameLength === 0 || nameLength > MAX_TEMPLATE_NAME) throw wrong('template name', `a template name of ${nameLength} bytes`)
    if (nameEnd > bytes.length) break
    if (!isText(bytes, digestEnd + 4, nameEnd, templateName)) {
      templateName = printable(bytes, digestEnd + 4, nameEnd)
      if (templateName === '') throw wrong('template name', 'a template name that is not printable')
      template = imaTemplate(templateName)
    }
    const lengthAt = template?.legacy ? nameEnd + digestSizes.sha1 : nameEnd
    if (bytes.length - lengthAt < 4) break
    const dataStart = template?.legacy ? nameEnd : nameEnd + 4
    const length = uint32(bytes, lengthAt)
    if (length > limits.entryBytes)
      throw wrong('template data', `template data of ${length} bytes, more than the ${limits.entryBytes} allowed`)
    const end = lengthAt + 4 + length
    if (end > bytes.length) break
    if (entries.length === limits.entries) throw new TpmError(`more than ${limits.entries} entries`, { field: 'entries', offset: start })
    if (template?.legacy ? length > 255 : template !== undefined && !fitsTemplate(template, bytes, dataStart, end)) {
      throw wrong('template data', `its fields are not those of the template ${templateName}`)
    }
    const violation = isZeros(bytes, digestStart, digestEnd)
    const place = {
      number,
      pcr,
      templateName,
      template,
      end,
      digestStart,
      digestEnd,
      data: bytes,
      dataStart,
      dataEnd: end,
      violation,
      verified: undefined,
    }
    entries.push(new ImaEntry(source, template?.legacy ? { ...place, ...legacyData(bytes, dataStart, end, arena) } : place))
    start = end
  }
  return { entries, end: start }
}

/** Converts the digest, length of the name and name without NUL of the original template to the form of all others. */
function legacyData(bytes: Uint8Array, start: number, end: number, arena: Arena): { data: Uint8Array; dataStart: number; dataEnd: number } {
  const size = end - start + 5
  arena.reserve(size)
  const { bytes: data, used: dataStart } = arena
  const nameLengthAt = dataStart + 4 + digestSizes.sha1
  data[dataStart] = digestSizes.sha1
  data.set(bytes.subarray(start, end), dataStart + 4)
  const nameLength = end - start - digestSizes.sha1 - 4 + 1
  data[nameLengthAt] = nameLength & 0xff
  data[nameLengthAt + 1] = nameLength >>> 8
  arena.used += size
  return { data, dataStart, dataEnd: dataStart + size }
}

/** The size with which the first entry has a known template, else any printable one; undefined when the log ends before that shows. */
function digestSize(bytes: Uint8Array): number | undefined {
  const names = DIGEST_SIZES.map((size) => {
    const at = 4 + size
    const length = bytes.length - at < 4 ? 0 : uint32(bytes, at)
    const fits = length > 0 && length <= MAX_TEMPLATE_NAME && length <= bytes.length - at - 4
    return { size, name: fits ? printable(bytes, at + 4, at + 4 + length) : '' }
  })
  const found = names.find(({ name }) => imaTemplate(name) !== undefined) ?? names.find(({ name }) => name !== '')
  if (found !== undefined || bytes.length < 4 + digestSizes.sha512 + 4 + MAX_TEMPLATE_NAME) return found?.size
  throw new TpmError('no template name after a digest of 20, 32, 48 or 64 bytes: not an IMA log', { field: 'template name', offset: 4 })
}

/** The text in [start, end), empty when some of it is blank, not ASCII or not printable. */
function printable(bytes: Uint8Array, start: number, end: number): string {
  for (let i = start; i < end; i++) if (bytes[i]! <= 0x20 || bytes[i]! > 0x7e) return ''
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false
  for (let i = start; i < end; i++) if (bytes[i] !== text.charCodeAt(i - start)) return false
  return true
}

function isZeros(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}
