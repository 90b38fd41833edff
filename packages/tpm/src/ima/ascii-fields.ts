import { digestSizes } from '../hash.ts'
import type { Arena } from './arena.ts'
import { uint32 } from './field.ts'
import type { ImaFieldKind, ImaTemplate } from './template.ts'
import { LEGACY_NAME_SIZE, MAX_FIELDS } from './template.ts'

/** A field's length, and what its bytes can be longer than its text with the blank: a NUL, or a number of one digit. */
const MAX_OVERHEAD = 8
const BLANK = 0x20
const COLON = 0x3a

/** The value of a hex digit by its code, else -1. */
const NIBBLES = new Int8Array(256).fill(-1)
for (let value = 0; value < 16; value++) {
  NIBBLES[value.toString(16).charCodeAt(0)] = value
  NIBBLES[value.toString(16).toUpperCase().charCodeAt(0)] = value
}

/** Where the fields of the text at hand begin and end; one for all, since nothing here waits. */
const BOUNDS = new Int32Array(2 * MAX_FIELDS)

export function isHexDigit(code: number): boolean {
  return NIBBLES[code]! >= 0
}

/** Decodes the hex text in [start, end) to `target` at `at`; false if it is not hex. */
export function decodeHex(bytes: Uint8Array, start: number, end: number, target: Uint8Array, at: number): boolean {
  if ((end - start) % 2 !== 0) return false
  for (let i = start; i < end; i += 2) {
    const value = (NIBBLES[bytes[i]!]! << 4) | NIBBLES[bytes[i + 1]!]!
    if (value < 0) return false
    target[at++] = value
  }
  return true
}

/**
 * Turns the shown fields in [start, end) back into the bytes from which the kernel made them: each field's length (32 bits, little-endian) and its bytes.
 * Written to the free room of the arena, without taking it; returns how many bytes, or -1 when the text does not fit the template.
 *
 * Fields are separated by one blank each, an empty one shows nothing. A name may hold blanks (kernels before 3.13), so the fields before it are read from the
 * left and those after it from the right. Source: Linux, ima_template_lib.c, ima_show_template_data_ascii.
 */
export function encodeAsciiFields(template: ImaTemplate, bytes: Uint8Array, start: number, end: number, arena: Arena): number {
  const { fields, elastic } = template
  const bounds = BOUNDS
  let left = start
  for (let i = 0; i < elastic; i++) {
    let stop = left
    while (stop < end && bytes[stop] !== BLANK) stop++
    bounds[2 * i] = left
    bounds[2 * i + 1] = stop
    if (i < fields.length - 1 && stop === end) return -1
    left = stop + 1
  }
  let right = end
  for (let i = fields.length - 1; i > elastic; i--) {
    let from = right
    while (from > left && bytes[from - 1] !== BLANK) from--
    if (from === left) return -1
    bounds[2 * i] = from
    bounds[2 * i + 1] = right
    right = from - 1
  }
  if (elastic < fields.length) {
    bounds[2 * elastic] = left
    bounds[2 * elastic + 1] = right
  } else if (left <= end) return -1

  arena.reserve(end - start + MAX_OVERHEAD * fields.length)
  const { bytes: target, used } = arena
  let at = used
  for (let i = 0; i < fields.length; i++) {
    const written = encodeField(fields[i]!.kind, bytes, bounds[2 * i]!, bounds[2 * i + 1]!, target, at + 4)
    if (written < 0) return -1
    target[at] = written & 0xff
    target[at + 1] = (written >>> 8) & 0xff
    target[at + 2] = (written >>> 16) & 0xff
    target[at + 3] = written >>> 24
    at += 4 + written
  }
  return template.legacy && !isLegacyData(target, used, at) ? -1 : at - used
}

/** A digest, and a name of at most 255 bytes with its NUL. */
function isLegacyData(data: Uint8Array, start: number, end: number): boolean {
  const digest = uint32(data, start)
  return digest <= digestSizes.sha1 && end - start - 8 - digest <= LEGACY_NAME_SIZE
}

function encodeField(kind: ImaFieldKind, bytes: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  if (kind === 'name') {
    for (let i = start; i < end; i++) target[at + i - start] = bytes[i]!
    target[at + end - start] = 0
    return end - start + 1
  }
  if (start === end) return 0
  switch (kind) {
    case 'digest':
    case 'hex':
      return decodeHex(bytes, start, end, target, at) ? (end - start) / 2 : -1
    case 'named-digest': {
      let digest = end
      while (digest > start && bytes[digest - 1] !== COLON) digest--
      if (digest <= start + 1) return -1
      const name = digest - start
      for (let i = 0; i < name; i++) target[at + i] = bytes[start + i]!
      target[at + name] = 0
      return decodeHex(bytes, digest, end, target, at + name + 1) ? name + 1 + (end - digest) / 2 : -1
    }
    case 'names':
      for (let i = start; i < end; i++) target[at + i - start] = bytes[i]!
      target[at + end - start] = 0
      return end - start + 1
    case 'uint16':
      return encodeNumber(bytes, start, end, target, at, 2)
    case 'uint32':
      return encodeNumber(bytes, start, end, target, at, 4)
  }
}

function encodeNumber(bytes: Uint8Array, start: number, end: number, target: Uint8Array, at: number, size: number): number {
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
    if (value >= 2 ** (8 * size)) return -1
  }
  for (let i = 0; i < size; i++) target[at + i] = (value >>> (8 * i)) & 0xff
  return size
}
