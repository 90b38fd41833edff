/**
 * Distinguished names (RFC 5280 §4.1.2.4): read, shown, compared and written. Names are equal by §7.1: the same attributes in the same
 * order, strings without regard to case, kind of string and runs of spaces.
 */
import { DerReader, readDer, readOid, TAG } from '@vouchsafe/der'
import type { DerElement } from '@vouchsafe/der'
import { encodeDer, oid, sequence, setOf, utf8String } from '@vouchsafe/der/writer'
import { attributeTypeNamed, attributeTypeOf } from './attribute-types.ts'
import { malformed, withX509Errors, X509Error } from './errors.ts'

const MAX_ATTRIBUTES = 128
/** As many as a whole certificate may have. */
const MAX_BYTES = 64 * 1024

export interface NameAttribute {
  oid: string
  /** OpenSSL's short name, `CN`; the dotted identifier where it has none. */
  shortName: string
  /** OpenSSL's long name, `commonName`; the dotted identifier where it has none. */
  longName: string
  /** The text; `#` and the DER in hex where it isn't a string (RFC 4514 §2.4). */
  value: string
  /** Index of the relative name that it is part of: attributes of a multi-valued one share it. */
  rdn: number
}

export interface Name {
  /** DER of the whole Name. */
  raw: Buffer
  /** In the order of the encoding. */
  attributes: NameAttribute[]
  /** `C=CN, O=Example, CN=host`, in the order of the encoding, escaped as RFC 4514 §2.4 (control characters too). Empty for the empty name. */
  text: string
  /** Equal for equal names, whatever their encodings. */
  canonical: string
}

/** A name to be written: text (see `nameFromText`) or one that was read, whose encoding is kept. */
export type NameInput = string | Pick<Name, 'raw'>

/**
 * Reads one Name of at most 64 KiB. Throws X509Error.
 *
 * @example
 * parseName(nameFromText('O=Example,CN=host-7')).text // → 'O=Example, CN=host-7'
 */
export function parseName(der: Uint8Array, field = 'name'): Name {
  return withX509Errors(() => readName(der, field))
}

function readName(der: Uint8Array, field: string): Name {
  if (der.length > MAX_BYTES) throw new X509Error('limit', `${field}: more than ${MAX_BYTES} bytes`)
  const { raw, value } = readDer(der, TAG.sequence, field)
  const reader = new DerReader(value, field)
  const attributes: NameAttribute[] = []
  const canonical: string[][] = []
  let shown = ''
  for (let rdn = 0; reader.nextTag !== undefined; rdn++) {
    const set = reader.enter(TAG.set)
    const keys: string[] = []
    do {
      if (attributes.length === MAX_ATTRIBUTES) throw new X509Error('limit', `${field}: more than ${MAX_ATTRIBUTES} attributes`)
      const pair = set.enter()
      const type = readOid(pair.read(TAG.objectIdentifier).value, field)
      const element = pair.read()
      pair.end()
      const text = stringOf(element, field)
      const attribute = { ...attributeTypeOf(type), value: text ?? `#${element.raw.toHex()}`, rdn }
      attributes.push(attribute)
      shown += `${shown === '' ? '' : keys.length > 0 ? ' + ' : ', '}${attribute.shortName}=${text === undefined ? attribute.value : escape(text)}`
      keys.push(text === undefined ? type + attribute.value : `${type}=${fold(text)}`)
    } while (set.nextTag !== undefined)
    canonical.push(keys.sort())
  }
  return { raw, attributes, text: shown, canonical: JSON.stringify(canonical) }
}

/**
 * RFC 5280 §7.1.
 *
 * @example
 * namesEqual(leaf.issuer, ca.subject) // → true
 */
export function namesEqual(a: Name, b: Name): boolean {
  return a.canonical === b.canonical
}

/**
 * Returns the last value of an attribute, named by its short name; undefined if there is none.
 *
 * @example
 * attributeOf(ca.subject, 'O') // → 'Example'
 */
export function attributeOf(name: Name, shortName: string): string | undefined {
  return name.attributes.findLast((attribute) => attribute.shortName === shortName)?.value
}

/**
 * The DER of a name given as text: `CN=host,O=Example\, Ltd.`: attributes in the order of the encoding, separated by commas, `+` inside a
 * multi-valued one; types by short or long name or dotted identifier; `\` escapes the next character or, with two hex digits, is a byte.
 * Throws X509Error.
 *
 * @example
 * nameFromText('CN=a').toHex() // → '300c310a300806035504030c0161'
 */
export function nameFromText(text: string): Buffer {
  if (text.trim() === '') return sequence()
  return sequence(...splitUnescaped(text, ',').map((rdn) => setOf(...splitUnescaped(rdn, '+').map(attributeFromText))))
}

/** DER of a name to be written. */
export function encodeName(name: NameInput): Buffer {
  return typeof name === 'string' ? nameFromText(name) : name.raw
}

function attributeFromText(text: string): Buffer {
  const at = text.indexOf('=')
  const type = at < 0 ? undefined : attributeTypeNamed(text.slice(0, at).trim())
  if (!type) throw malformed('name', at < 0 ? 'an attribute without =' : `unknown attribute ${JSON.stringify(text.slice(0, at).trim())}`)
  const value = unescape(text.slice(at + 1))
  if (value === '') throw malformed('name', `${type.shortName} is empty`)
  const ascii = { C: TAG.printableString, DC: TAG.ia5String, emailAddress: TAG.ia5String }[type.shortName]
  if (ascii !== undefined && !/^[\x20-\x7e]*$/.test(value)) throw malformed('name', `${type.shortName} takes ASCII only`)
  return sequence(oid(type.oid), ascii === undefined ? utf8String(value) : encodeDer(ascii, Buffer.from(value)))
}

/** Parts between separators that no backslash precedes. */
function splitUnescaped(text: string, separator: string): string[] {
  const parts = ['']
  for (const [token] of text.matchAll(/\\[^]|[^]/g)) {
    if (token === separator) parts.push('')
    else parts[parts.length - 1] += token
  }
  return parts
}

/** Without unescaped spaces around; RFC 4514 §3. */
function unescape(text: string): string {
  const bytes: Uint8Array[] = []
  for (const [token, pair] of text.replace(/^ +|(?<!\\) +$/g, '').matchAll(/\\([0-9a-fA-F]{2})|\\[^]|[^]/gu))
    bytes.push(pair ? Buffer.from(pair, 'hex') : Buffer.from(token.length > 1 && token.startsWith('\\') ? token.slice(1) : token))
  return Buffer.concat(bytes).toString()
}

function escape(value: string): string {
  return value
    .replace(/[",+<>;\\]/g, '\\$&')
    .replace(/^[ #]| $/g, '\\$&')
    .replace(/\p{Cc}|\p{Cf}/gu, (character) => Buffer.from(character).toString('hex').replace(/../g, '\\$&'))
}

/** For comparison: RFC 4518's mapping as far as certificates need it. */
function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')
}

/** The text of a directory string; undefined for an element of another type. Throws X509Error where its bytes aren't that string. */
export function stringOf({ tag, value }: DerElement, field: string): string | undefined {
  switch (tag) {
    case TAG.utf8String:
      return decode('utf-8', value, field)
    case TAG.bmpString:
      return decode('utf-16be', value, field)
    case TAG.universalString:
      return universal(value, field)
    case TAG.teletexString:
      return value.toString('latin1')
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.numericString:
      if (value.some((byte) => byte >= 0x80)) throw malformed(field, 'string with bytes outside ASCII')
      return value.toString('latin1')
    default:
      return undefined
  }
}

function decode(encoding: 'utf-8' | 'utf-16be', value: Buffer, field: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(value)
  } catch {
    throw malformed(field, `string is not ${encoding}`)
  }
}

function universal(value: Buffer, field: string): string {
  if (value.length % 4 !== 0) throw malformed(field, 'string is not utf-32be')
  let text = ''
  for (let at = 0; at < value.length; at += 4) {
    const point = value.readUInt32BE(at)
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw malformed(field, 'string is not utf-32be')
    text += String.fromCodePoint(point)
  }
  return text
}
