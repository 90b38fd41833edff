/**
 * The MACs of rows: someone with write access to the database can neither change a row, nor make one up, unnoticed. (That a row is gone, or is
 * as it once was, no MAC can show.)
 *
 * What is authenticated, in this order, each value as {@link Encoder} writes it:
 *
 * 1. the label `vouchsafe row 1`, the table's name, and the names of its columns in the order of its file, but for the exceptions that the file
 *    states and what is under 3;
 * 2. the row's revision, and the stored values of these columns;
 * 3. what a rotation of the domain key replaces: the sealed blob and its `domainVersion`, where the table has them, and `macVersion`.
 *
 * The MAC is HMAC-SHA-256 (RFC 2104, FIPS 180-4) over all of it, under a key that HKDF-SHA-256 (RFC 5869) derives from the domain key
 * `macVersion`, with an empty salt and the info `vouchsafe row authentication v1`. The row's digest is SHA-256 over the first two: it stays
 * the same when a rotation of the domain key seals the row again, as the revision does.
 */
import { timingSafeEqual, hash, type KeyObject } from 'node:crypto'
import { MacKey } from '../foundation/index.ts'
import { StorageError } from './error.ts'
import { type AnyMacTable, snakeCase } from './table.ts'

/** The keys that authenticate rows, by the version of the domain key that each is derived from. */
export interface RowKeys {
  /** The version that new MACs are made under. */
  current: number
  keys: readonly { version: number; key: KeyObject }[]
}

/** A row as the database returns it. */
export type StoredRow = Readonly<Record<string, string | number | Uint8Array | null>>

export const ROW_KEY_INFO = 'vouchsafe row authentication v1'
const LABEL = 'vouchsafe row 1'

/** Makes and verifies the MACs of one store's rows. Until it has its keys, it refuses both. */
export class RowAuthenticator {
  #current = 0
  #keys = new Map<number, MacKey>()

  /** Replaces the keys. */
  use({ current, keys }: RowKeys): void {
    this.#keys = new Map(keys.map(({ version, key }) => [version, new MacKey(key.export())]))
    this.#current = current
  }

  /**
   * The row with its MAC, under the current key.
   * @throws {StorageError} `internal` without keys
   */
  seal(table: AnyMacTable, row: StoredRow): StoredRow & { mac: Uint8Array } {
    const key = this.#keys.get(this.#current) ?? sealed()
    const authenticated = { ...row, mac_version: this.#current }
    return { ...authenticated, mac: new Uint8Array(macOf(key, table, authenticated)) }
  }

  /**
   * Whether the row is as {@link seal} made it, but for the columns that its table excepts.
   * @throws {StorageError} `internal` without keys
   */
  verifies(table: AnyMacTable, row: StoredRow): boolean {
    if (this.#keys.size === 0) sealed()
    const { mac } = row
    const key = this.#keys.get(row['mac_version'] as number)
    if (key === undefined || !(mac instanceof Uint8Array) || mac.length !== 32) return false
    return timingSafeEqual(macOf(key, table, row), mac)
  }

  /**
   * The MAC of a text that is no row, under the current key. Rows' encodings begin with 0x02, so the text must begin with a letter.
   * @throws {StorageError} `internal` without keys
   */
  authenticate(text: Uint8Array): TextMac {
    const key = this.#keys.get(this.#current) ?? sealed()
    return { mac: new Uint8Array(key.bytes(text)), mac_version: this.#current }
  }

  /**
   * Whether {@link authenticate} made the MAC.
   * @throws {StorageError} `internal` without keys
   */
  isAuthentic(text: Uint8Array, { mac, mac_version }: TextMac): boolean {
    if (this.#keys.size === 0) sealed()
    const key = this.#keys.get(mac_version)
    return key !== undefined && mac.length === 32 && timingSafeEqual(key.bytes(text), mac)
  }
}

/** The MAC of some text, as a row has it. */
export interface TextMac {
  mac: Uint8Array
  mac_version: number
}

function sealed(): never {
  throw new StorageError('internal', 'the store is not unsealed: its rows can be neither verified nor changed')
}

function macOf(key: MacKey, table: AnyMacTable, row: StoredRow): Buffer {
  const encoder = encodedContent(table, row)
  for (const name of layoutOf(table).replaced) encoder.value(row[name])
  return key.bytes(encoder.bytes())
}

/** SHA-256 over the row's revision and content, lower-case hex; the same whatever domain key its blob and its MAC are under. */
export function digestOf(table: AnyMacTable, row: StoredRow): string {
  return hash('sha256', encodedContent(table, row).bytes())
}

function encodedContent(table: AnyMacTable, row: StoredRow): Encoder {
  const { head, content } = layoutOf(table)
  const encoder = new Encoder()
  encoder.encoded(head)
  encoder.value(row['revision'])
  for (const name of content) encoder.value(row[name])
  return encoder
}

interface Layout {
  /** What is the same in every row. */
  head: Uint8Array
  content: readonly string[]
  /** By a rotation of the domain key. */
  replaced: readonly string[]
}

const layouts = new WeakMap<AnyMacTable, Layout>()

function layoutOf(table: AnyMacTable): Layout {
  let layout = layouts.get(table)
  if (layout === undefined) {
    const replaced = table.blob === null ? [] : [table.blob, 'domainVersion']
    const excepted = Object.keys(table.authenticated.except ?? {})
    const columns = Object.keys(table.columns).filter((column) => !replaced.includes(column) && !excepted.includes(column))
    const content = columns.map(snakeCase)
    const head = new Encoder()
    for (const text of [LABEL, table.name, ...content]) head.value(text)
    layout = { head: new Uint8Array(head.bytes()), content, replaced: [...replaced, 'macVersion'].map(snakeCase) }
    layouts.set(table, layout)
  }
  return layout
}

/**
 * Values one after the other, none of which can be taken for others: null is 0x00; a number 0x01 and its 8 bytes as an IEEE 754 double; text
 * 0x02, the count of its UTF-8 bytes in 4, and these; bytes 0x03, their count in 4, and these. All are big-endian.
 */
class Encoder {
  /** One for all, since nothing is encoded in two steps. */
  static #room = Buffer.allocUnsafeSlow(4096)
  #length = 0

  value(value: string | number | Uint8Array | null | undefined): void {
    if (value === null) this.#reserve(1)[this.#length++] = 0
    else if (typeof value === 'number') this.#integer(value)
    else if (typeof value === 'string') this.#text(value)
    else if (value !== undefined) this.#bytes(value)
    else throw new Error('a column of the row is missing')
  }

  /** What was encoded before. */
  encoded(bytes: Uint8Array): void {
    this.#reserve(bytes.length).set(bytes, this.#length)
    this.#length += bytes.length
  }

  bytes(): Uint8Array {
    return Encoder.#room.subarray(0, this.#length)
  }

  #integer(value: number): void {
    const room = this.#reserve(9)
    room[this.#length] = 1
    room.writeDoubleBE(value, this.#length + 1)
    this.#length += 9
  }

  #text(value: string): void {
    // No UTF-16 unit becomes more than three bytes.
    const room = this.#reserve(5 + 3 * value.length)
    room[this.#length] = 2
    const length = room.write(value, this.#length + 5)
    room.writeUInt32BE(length, this.#length + 1)
    this.#length += 5 + length
  }

  #bytes(value: Uint8Array): void {
    const room = this.#reserve(5 + value.length)
    room[this.#length] = 3
    room.writeUInt32BE(value.length, this.#length + 1)
    room.set(value, this.#length + 5)
    this.#length += 5 + value.length
  }

  #reserve(length: number): Buffer {
    const needed = this.#length + length
    if (needed > Encoder.#room.length) {
      const larger = Buffer.allocUnsafeSlow(2 * needed)
      larger.set(this.bytes())
      Encoder.#room = larger
    }
    return Encoder.#room
  }
}
