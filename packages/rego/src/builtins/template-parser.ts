/** Go's text templates: literal text, and actions in double braces. */
import { allocateItems, spend } from '../run/budget.ts'
import { failure } from './types.ts'
import type { Value } from '../values/value.ts'
import { parseNumber } from '../values/numbers.ts'

export type Operand =
  | { type: 'literal'; value: Value }
  /** Fields of the dot, or of a variable. */
  | { type: 'field'; variable: string | undefined; path: readonly string[] }
  | { type: 'pipeline'; pipeline: Pipeline; path: readonly string[] }
export type Command = { name: string | undefined; operands: readonly Operand[] }
/** Commands, each taking the result of the one before as its last operand. */
export interface Pipeline {
  variables: readonly string[]
  commands: readonly Command[]
}
export type Node =
  | { type: 'text'; text: string }
  | { type: 'action'; pipeline: Pipeline }
  | { type: 'if' | 'with' | 'range'; pipeline: Pipeline; body: readonly Node[]; otherwise: readonly Node[] }

const STEPS_PER_PIECE = 16
/** Actions inside actions. */
const MAX_DEPTH = 64
const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*"|`[^`]*`)|(\$?[A-Za-z_][A-Za-z0-9_]*|\$)?((?:\.[A-Za-z_][A-Za-z0-9_]*)+)|(\$?[A-Za-z_][A-Za-z0-9_]*|\$)|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(:=|[|().,]))/y

interface Action {
  text: string
  trimLeft: boolean
  trimRight: boolean
}

/** Parses a template. Throws BuiltinError. */
export function parseTemplate(source: string): readonly Node[] {
  const pieces = splitActions(source)
  let at = 0
  const parseList = (depth: number): { nodes: Node[]; stop: string } => {
    if (depth > MAX_DEPTH) throw failure('the template is nested too deeply')
    const nodes: Node[] = []
    while (at < pieces.length) {
      spend(STEPS_PER_PIECE)
      const piece = pieces[at++]!
      if (typeof piece === 'string') {
        if (piece !== '') nodes.push({ type: 'text', text: piece })
        continue
      }
      const [, keyword = '', rest = ''] = /^(if|else if|else with|else|end|range|with)?\b\s*(.*)$/s.exec(piece.text) ?? []
      if (keyword === 'end' || keyword.startsWith('else')) return { nodes, stop: piece.text }
      if (keyword === 'if' || keyword === 'with' || keyword === 'range') nodes.push(block(keyword, rest, depth))
      else if (!/^\/\*.*\*\/$/s.test(piece.text)) nodes.push({ type: 'action', pipeline: parsePipeline(piece.text) })
    }
    return { nodes, stop: '' }
  }
  const block = (type: 'if' | 'with' | 'range', text: string, depth: number): Node => {
    const pipeline = parsePipeline(text)
    const { nodes: body, stop } = parseList(depth + 1)
    const [, chained, condition = ''] = /^else (if|with)\s+(.*)$/s.exec(stop) ?? []
    if (chained) return { type, pipeline, body, otherwise: [block(chained as 'if' | 'with', condition, depth + 1)] }
    if (stop === 'else') {
      const { nodes: otherwise, stop: end } = parseList(depth + 1)
      if (end !== 'end') throw failure('template: unexpected EOF')
      return { type, pipeline, body, otherwise }
    }
    if (stop !== 'end') throw failure('template: unexpected EOF')
    return { type, pipeline, body, otherwise: [] }
  }
  const { nodes, stop } = parseList(0)
  if (stop !== '' || at < pieces.length) throw failure(`template: unexpected {{${stop}}}`)
  return nodes
}

/** Text in turn with actions; dashes inside the braces trim the text beside them. */
function splitActions(source: string): (string | Action)[] {
  const pieces: (string | Action)[] = []
  let at = 0
  for (;;) {
    const open = source.indexOf('{{', at)
    const text = source.slice(at, open < 0 ? undefined : open)
    const before = pieces.at(-1)
    pieces.push(typeof before === 'object' && before.trimRight ? text.trimStart() : text)
    if (open < 0) return pieces
    const close = actionEnd(source, open + 2)
    allocateItems(8)
    const body = source.slice(open + 2, close)
    if (body.length > MAX_ACTION) throw failure('template: an action is too long')
    const [trimLeft, trimRight] = [/^-\s/.test(body), /\s-$/.test(body)]
    const inner = body.slice(trimLeft ? 1 : 0, trimRight ? -1 : undefined).trim()
    if (trimLeft) pieces[pieces.length - 1] = (pieces.at(-1) as string).trimEnd()
    pieces.push({ text: inner, trimLeft, trimRight })
    at = close + 2
  }
}

/** Where an action's braces close, outside of strings. */
function actionEnd(source: string, from: number): number {
  for (let at = from; at < source.length; at++) {
    const char = source[at]
    if (char === '}' && source[at + 1] === '}') return at
    if (char === '"' || char === '`') {
      for (at++; at < source.length && source[at] !== char; at++) if (char === '"' && source[at] === '\\') at++
    }
  }
  throw failure('template: unclosed action')
}

function parsePipeline(text: string): Pipeline {
  const reader: Reader = { text, at: 0 }
  const pipeline = readPipeline(reader, 0)
  if (reader.text.slice(reader.at).trim() !== '')
    throw failure(`template: unexpected ${JSON.stringify(text.slice(reader.at, reader.at + 20))} in action`)
  return pipeline
}

interface Reader {
  text: string
  at: number
}

function peek(reader: Reader): RegExpExecArray | undefined {
  TOKEN.lastIndex = reader.at
  return TOKEN.exec(reader.text) ?? undefined
}

function readPipeline(reader: Reader, depth: number): Pipeline {
  if (depth > MAX_DEPTH) throw failure('the template is nested too deeply')
  const declared = /^\s*((?:\$[A-Za-z_]\w*\s*,\s*)?\$[A-Za-z_]\w*)\s*:=/.exec(reader.text.slice(reader.at))
  if (declared) reader.at += declared[0].length
  const commands: Command[] = []
  for (;;) {
    commands.push(readCommand(reader, depth))
    const token = peek(reader)
    if (token?.[6] !== '|') break
    reader.at += token[0].length
  }
  return { variables: declared ? declared[1]!.split(/\s*,\s*/) : [], commands }
}

/** Longest text of one action. */
const MAX_ACTION = 65_536

function readCommand(reader: Reader, depth: number): Command {
  const operands: Operand[] = []
  let name: string | undefined
  for (let token = peek(reader); token; token = peek(reader)) {
    spend(STEPS_PER_PIECE)
    const [whole, string, head, fields, word, number, mark] = token
    if (mark === '|' || mark === ')' || mark === ',' || mark === ':=') break
    reader.at += whole.length
    if (string !== undefined) operands.push({ type: 'literal', value: unquote(string) })
    else if (fields !== undefined) {
      if (head !== undefined && !head.startsWith('$')) throw failure(`template: unexpected field of ${head}`)
      operands.push({ type: 'field', variable: head, path: fields.slice(1).split('.') })
    } else if (number !== undefined) operands.push({ type: 'literal', value: parseNumber(number) ?? 0 })
    else if (word !== undefined) {
      if (word.startsWith('$')) operands.push({ type: 'field', variable: word, path: [] })
      else if (word === 'true' || word === 'false') operands.push({ type: 'literal', value: word === 'true' })
      else if (word === 'nil') operands.push({ type: 'literal', value: null })
      else if (name === undefined && operands.length === 0) name = word
      else operands.push({ type: 'pipeline', pipeline: { variables: [], commands: [{ name: word, operands: [] }] }, path: [] })
    } else if (mark === '.') operands.push({ type: 'field', variable: undefined, path: [] })
    else operands.push(readParenthesis(reader, depth))
  }
  if (name === undefined && operands.length === 0) throw failure('template: missing value for command')
  return { name, operands }
}

function readParenthesis(reader: Reader, depth: number): Operand {
  const pipeline = readPipeline(reader, depth + 1)
  const close = peek(reader)
  if (close?.[6] !== ')') throw failure('template: unclosed left paren')
  reader.at += close[0].length
  const fields = /^(?:\.[A-Za-z_]\w*)+/.exec(reader.text.slice(reader.at))?.[0] ?? ''
  reader.at += fields.length
  return { type: 'pipeline', pipeline, path: fields === '' ? [] : fields.slice(1).split('.') }
}

function unquote(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1)
  try {
    return JSON.parse(text) as string
  } catch {
    throw failure(`template: bad string ${text.slice(0, 40)}`)
  }
}
