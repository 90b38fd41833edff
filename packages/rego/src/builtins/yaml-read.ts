/** Reading YAML as Go's sigs.k8s.io/yaml does: 1.1's numbers, 1.2's booleans, merge keys, the last of equal keys. */
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml'
import type { Document, Node, Scalar } from 'yaml'
import { allocate, spend } from '../run/budget.ts'
import { fromBigint, parseNumber } from '../values/numbers.ts'
import { makeObject, sortedEntries } from '../values/operations.ts'
import { numberText } from '../values/numbers.ts'
import { isNumber, isObject } from '../values/value.ts'
import type { Value } from '../values/value.ts'

/** What the parser takes for a character. */
const STEPS_PER_CHARACTER = 24
const BYTES_PER_CHARACTER = 24
/** Nodes that aliases may stand for, all together: they can repeat what they stand for. */
const MAX_ALIASED = 100_000
/** Nodes inside nodes. */
const MAX_DEPTH = 500

/** A YAML document, the first of the text, as a value. Throws Error. */
export function readYaml(text: string): Value {
  spend(text.length * STEPS_PER_CHARACTER)
  allocate(text.length * BYTES_PER_CHARACTER)
  // The parser passes over what it does not know; Go's does not.
  if (/^\uFEFF?%(?!(?:YAML|TAG)\s)/.test(text)) throw new Error('found unknown directive name')
  const documents = parseAllDocuments(text, { schema: 'failsafe', uniqueKeys: false, logLevel: 'error', version: '1.2' })
  const first = 'empty' in documents ? undefined : (documents[0] as Document.Parsed | undefined)
  if (!first) return null
  for (const { errors } of documents as Document.Parsed[]) for (const error of errors) throw error
  return new Reader(first).read(first.contents)
}

class Reader {
  private readonly document: Document
  private aliased = 0
  private aliases = 0
  private depth = 0

  constructor(document: Document) {
    this.document = document
  }

  read(node: Node | null | undefined): Value {
    spend(1)
    if (this.aliases > 0 && ++this.aliased > MAX_ALIASED) throw new Error('document contains excessive aliasing')
    if (++this.depth > MAX_DEPTH) throw new Error('nested too deeply, or an anchor contains itself')
    const value = this.readNode(node)
    this.depth--
    return value
  }

  private readNode(node: Node | null | undefined): Value {
    if (node === null || node === undefined) return null
    if (isAlias(node)) {
      const target = node.resolve(this.document)
      if (!target) throw new Error(`unknown anchor '${node.source}' referenced`)
      this.aliases++
      const value = this.read(target)
      this.aliases--
      return value
    }
    if (isSeq(node)) return node.items.map((item) => this.read(item as Node | null))
    if (isMap(node)) return this.readMap(node.items as { key: Node | null; value: Node | null }[])
    return isScalar(node) ? scalarValue(node) : null
  }

  private readMap(items: readonly { key: Node | null; value: Node | null }[]): Value {
    const merged: (readonly [Value, Value])[] = []
    const own: [Value, Value][] = []
    for (const { key, value } of items) {
      if (isScalar(key) && key.source === '<<' && key.type === 'PLAIN') {
        const from = this.read(value)
        const sources = Array.isArray(from) ? (from as Value[]).toReversed() : [from]
        for (const source of sources) {
          if (!isObject(source)) throw new Error('map merge requires map or sequence of maps as the value')
          merged.push(...sortedEntries(source))
        }
      } else own.push([keyText(this.read(key)), this.read(value)])
    }
    return makeObject([...merged, ...own])
  }
}

function keyText(key: Value): string {
  if (typeof key === 'string') return key
  if (typeof key === 'boolean') return String(key)
  if (isNumber(key)) return numberText(key)
  throw new Error('unsupported or invalid map key')
}

function scalarValue(node: Scalar): Value {
  const text = String(node.value)
  if (node.tag?.endsWith('binary')) return Buffer.from(text, 'base64').toString('utf8')
  if (node.type !== 'PLAIN' || node.tag?.endsWith(':str') || (node.tag?.startsWith('!') ?? false)) return text
  return plainValue(text)
}

const INTEGER = /^[-+]?(?:0b[01]+|0o?[0-7]+|0x[0-9a-fA-F]+|[0-9]+)$/
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/

/** What a scalar without quotes means. Throws Error for numbers that are not finite. */
export function plainValue(text: string): Value {
  if (/^(?:|~|null|Null|NULL)$/.test(text)) return null
  if (/^(?:true|True|TRUE)$/.test(text)) return true
  if (/^(?:false|False|FALSE)$/.test(text)) return false
  // Longer numbers are text.
  if (text.length > 400) return text
  if (/^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/.test(text)) throw new Error('unsupported value: the number is not finite')
  const plain = text.replaceAll('_', '')
  if (INTEGER.test(plain)) return integerValue(plain)
  return FLOAT.test(plain) && Number.isFinite(Number(plain)) ? floatValue(plain) : text
}

function integerValue(text: string): Value {
  const negative = text.startsWith('-')
  const digits = text.replace(/^[-+]/, '')
  const [, octal] = /^0([0-7]+)$/.exec(digits) ?? []
  const size = BigInt(octal === undefined ? digits : `0o${octal}`)
  const value = negative ? -size : size
  if (value >= -(1n << 63n) && value < 1n << 64n) return fromBigint(value)
  return floatValue(text)
}

function floatValue(text: string): Value {
  return parseNumber(String(Number(text)).replace('+', '')) ?? text
}
