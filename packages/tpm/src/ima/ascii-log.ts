import { TpmError } from '../error.ts'
import type { HashAlgorithm } from '../hash.ts'
import { Arena } from './arena.ts'
import { encodeAsciiFields, isHexDigit } from './ascii-fields.ts'
import type { ImaSource } from './entry.ts'
import { ImaEntry, digestAlgorithms, hashedData } from './entry.ts'
import { hashHex } from './hash-into.ts'
import type { ImaLimits } from './limits.ts'
import type { ImaTemplate } from './template.ts'
import { imaTemplate } from './template.ts'

const NEWLINE = 0x0a
const BLANK = 0x20
const MAX_TEMPLATE_NAME = 255
/** Hex characters of the template digests of SHA-1, SHA-256 and SM3, SHA-384, SHA-512. */
const DIGEST_LENGTHS = [40, 64, 96, 128]

/** `10 <hex of the template digest> <template name> `, as far as found. */
interface Head {
  start: number
  found: 'none' | 'part' | 'whole'
  pcr: number
  digestStart: number
  digestEnd: number
  nameEnd: number
}

/**
 * Reads `ascii_runtime_measurements`: one line per entry, but a file's name may hold newlines, and then what looks like further entries. So of the newlines
 * that something like an entry follows, the first for which the logged template digest is that of the fields ends the entry; when there is none within the
 * limits, the first. The digest of a violation says nothing: its entry ends at the first. A last entry without newline counts only if its digest matches.
 *
 * Source: Linux, security/integrity/ima/ima_fs.c, ima_ascii_measurements_show.
 */
export function parseAsciiLog(source: ImaSource, first: number, limits: ImaLimits): { entries: ImaEntry[]; end: number } {
  const { bytes } = source
  const entries: ImaEntry[] = []
  let head = noHead()
  let next = noHead()
  const arena = new Arena(bytes.length)
  const budget = { bytes: limits.retriedBytes }
  let template: ImaTemplate | undefined
  let templateName = ''
  let start = 0
  while (start < bytes.length) {
    const number = first + entries.length
    if (next.start === start) [head, next] = [next, head]
    else readHead(bytes, start, head)
    if (head.found === 'part') break
    if (head.found === 'none')
      throw new TpmError(`entry ${number}: no PCR, template digest and template name`, { field: 'entry', offset: start })
    if (entries.length === limits.entries) throw new TpmError(`more than ${limits.entries} entries`, { field: 'entries', offset: start })
    const name = textIfOther(source, head.digestEnd + 1, head.nameEnd, templateName)
    if (name !== templateName) {
      templateName = name
      template = imaTemplate(name)
    }
    const violation = isZeros(bytes, head.digestStart, head.digestEnd)
    const ending = findEnding(source, head, next, violation ? undefined : template, arena, limits, budget)
    if (ending === undefined) {
      if (bytes.length - start <= limits.entryBytes) break
      throw new TpmError(`entry ${number}: more than ${limits.entryBytes} bytes`, { field: 'entry', offset: start })
    }
    const { verified } = ending
    const length = template === undefined ? 0 : (ending.length ?? encodeAsciiFields(template, bytes, head.nameEnd + 1, ending.end, arena))
    if (length === -1) {
      throw new TpmError(`entry ${number}: its fields are not those of the template ${templateName}`, {
        field: 'template data',
        offset: head.nameEnd + 1,
      })
    }
    const data = template === undefined ? undefined : arena.bytes
    const dataStart = arena.used
    const dataEnd = dataStart + length
    arena.used = dataEnd
    const end = Math.min(ending.end + 1, bytes.length)
    const { pcr, digestStart, digestEnd } = head
    const place = { number, pcr, templateName, template, end, digestStart, digestEnd, data, dataStart, dataEnd, violation, verified }
    entries.push(new ImaEntry(source, place))
    start = end
  }
  return { entries, end: start }
}

interface Ending {
  end: number
  /** Of the template data at the arena's free room, when its digest is the logged one. */
  length: number | undefined
  verified: HashAlgorithm | undefined
}

/** Where the entry ends, with what follows in `next`; undefined when the log ends before. `template`: undefined when its digest can't decide. */
function findEnding(
  source: ImaSource,
  head: Head,
  next: Head,
  template: ImaTemplate | undefined,
  arena: Arena,
  limits: ImaLimits,
  budget: { bytes: number },
): Ending | undefined {
  const { bytes } = source
  const dataStart = head.nameEnd + 1
  let first: Ending | undefined
  let tries = 0
  for (let from = head.nameEnd; ;) {
    const newline = bytes.indexOf(NEWLINE, from)
    const end = newline === -1 ? bytes.length : newline
    if (first !== undefined && (budget.bytes -= end + 1 - from) < 0) return first
    if (end - head.digestStart > limits.entryBytes) return first
    if (newline === -1 || newline + 1 === bytes.length || readHead(bytes, newline + 1, next) !== 'none') {
      if (template !== undefined) {
        const length = encodeAsciiFields(template, bytes, dataStart, end, arena)
        const data = arena.bytes.subarray(arena.used, arena.used + length)
        const verified = length === -1 ? undefined : matchingAlgorithm(source, head, hashedData(template, data))
        if (verified !== undefined) return { end, length, verified }
      }
      if (newline !== -1) first ??= { end, length: undefined, verified: undefined }
      if (tries++ > 0) budget.bytes -= end - dataStart
      if (template === undefined || tries > limits.newlines || budget.bytes < 0) return first
    }
    if (newline === -1) return first
    from = newline + 1
  }
}

function noHead(): Head {
  return { start: -1, found: 'none', pcr: 0, digestStart: 0, digestEnd: 0, nameEnd: 0 }
}

/** Reads what begins at `start` into `head` and says what it found: `part` when the log ends in what could be the head of an entry. */
function readHead(bytes: Uint8Array, start: number, head: Head): Head['found'] {
  head.start = start
  head.found = scanHead(bytes, start, head)
  return head.found
}

function scanHead(bytes: Uint8Array, start: number, head: Head): Head['found'] {
  let at = start
  if (bytes[at] === BLANK) at++
  let pcr = 0
  let digits = 0
  for (; at < bytes.length && digits < 3; at++, digits++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) break
    pcr = pcr * 10 + digit
  }
  if (at === bytes.length) return 'part'
  if (digits === 0 || digits > 2 || bytes[at] !== BLANK) return 'none'
  const digestStart = at + 1
  for (at = digestStart; at < bytes.length && isHexDigit(bytes[at]!); at++) if (at - digestStart === 128) return 'none'
  if (at === bytes.length) return 'part'
  if (bytes[at] !== BLANK || !DIGEST_LENGTHS.includes(at - digestStart)) return 'none'
  head.pcr = pcr
  head.digestStart = digestStart
  head.digestEnd = at
  const nameStart = at + 1
  for (at = nameStart; at < bytes.length && bytes[at] !== BLANK; at++) {
    if (bytes[at]! < BLANK || bytes[at]! > 0x7e || at - nameStart === MAX_TEMPLATE_NAME) return 'none'
  }
  if (at === bytes.length) return 'part'
  head.nameEnd = at
  return at === nameStart ? 'none' : 'whole'
}

/** The algorithm, by the size of the logged template digest, for which it is that of the data. */
function matchingAlgorithm(source: ImaSource, { digestStart, digestEnd }: Head, data: Uint8Array): HashAlgorithm | undefined {
  const logged = source.text.toString('latin1', digestStart, digestEnd).toLowerCase()
  for (const algorithm of digestAlgorithms(logged.length / 2, source.hashes)) {
    if (hashHex(algorithm, data, source.hashes) === logged) return algorithm
  }
  return undefined
}

/** The ASCII text in [start, end): `known` itself when it is that, so that a log's entries share one string. */
function textIfOther({ bytes, text }: ImaSource, start: number, end: number, known: string): string {
  let same = end - start === known.length
  for (let i = 0; same && i < known.length; i++) same = bytes[start + i] === known.charCodeAt(i)
  return same ? known : text.toString('latin1', start, end)
}

function isZeros(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0x30) return false
  return true
}
