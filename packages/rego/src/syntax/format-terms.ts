/** Terms and expressions as source, each on one line. */
import { numberText } from '../values/numbers.ts'
import { isNumber } from '../values/value.ts'
import type { Call, Expr, Operand, Template, Term } from './ast.ts'

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
/** Infix operators by binding strength. */
const STRENGTH: Readonly<Record<string, number>> = {
  in: 0,
  '==': 1,
  '!=': 1,
  '<': 1,
  '<=': 1,
  '>': 1,
  '>=': 1,
  '|': 2,
  '&': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
}
/** Binds stronger than every operator. */
const TERM = 6

/** How a printer that keeps the source's line breaks and comments writes a term; undefined where it leaves that to us. */
export type Layout = (term: Term) => string | undefined

let layout: Layout | undefined

/** Runs `work` with a layout. */
export function withLayout<T>(how: Layout, work: () => T): T {
  const before = layout
  layout = how
  try {
    return work()
  } finally {
    layout = before
  }
}

/** A term, in parentheses where it binds less than `strength`. */
export function termText(term: Term, strength = 0): string {
  const laidOut = layout?.(term)
  if (laidOut !== undefined) return laidOut
  switch (term.type) {
    case 'scalar':
      return isNumber(term.value) ? numberText(term.value) : JSON.stringify(term.value)
    case 'var':
      return term.name.startsWith('$') ? '_' : term.name
    case 'ref':
      return termText(term.head, TERM) + term.path.map(keyText).join('')
    case 'call':
      return callText(term, strength)
    case 'array':
      return `[${term.items.map(itemText).join(', ')}]`
    case 'set':
      return term.items.length === 0 ? 'set()' : `{${term.items.map(itemText).join(', ')}}`
    case 'object':
      return `{${term.entries.map(([key, value]) => `${itemText(key)}: ${itemText(value)}`).join(', ')}}`
    case 'array-comprehension':
      return `[${termText(term.term, TERM)} | ${bodyText(term.body)}]`
    case 'set-comprehension':
      return `{${termText(term.term, TERM)} | ${bodyText(term.body)}}`
    case 'object-comprehension':
      return `{${itemText(term.key)}: ${termText(term.value, TERM)} | ${bodyText(term.body)}}`
    case 'template':
      return templateText(term)
  }
}

/** A term in a list, where a vertical bar would begin a comprehension. */
export function itemText(term: Term): string {
  return termText(term, 3)
}

/** `.name`, or `[term]`. */
export function keyText(key: Term): string {
  if (key.type === 'scalar' && typeof key.value === 'string' && NAME.test(key.value)) return `.${key.value}`
  return `[${termText(key)}]`
}

function callText({ name, args, infix }: Call, strength: number): string {
  if (infix === undefined) return `${nameText(name)}(${args.map(itemText).join(', ')})`
  const own = STRENGTH[infix] ?? 0
  // Operators of one strength are read from the left; comparisons and `in` are clearer in parentheses.
  const left = own <= 1 ? own + 1 : own
  const text =
    name === 'internal.member_3'
      ? `${termText(args[0]!, 1)}, ${termText(args[1]!, 1)} in ${termText(args[2]!, 1)}`
      : `${termText(args[0]!, left)} ${infix} ${termText(args[1]!, own + 1)}`
  // In braces, `a | b` would be read as a comprehension.
  return own < strength || name === 'internal.member_3' || infix === '|' ? `(${text})` : text
}

/** A dotted name, with brackets around parts that are no names. */
function nameText(name: string): string {
  const [first = '', ...rest] = name.split('.')
  return first + rest.map((part) => (NAME.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`)).join('')
}

function templateText({ parts }: Template): string {
  const texts = parts.map((part) =>
    typeof part === 'string' ? JSON.stringify(part).slice(1, -1).replaceAll('{', '\\{') : `{${exprText(part)}}`,
  )
  return `$"${texts.join('')}"`
}

/** Expressions on one line. */
export function bodyText(body: readonly Expr[]): string {
  return body.map(exprText).join('; ')
}

export function exprText(expr: Expr): string {
  return `${expr.negated ? 'not ' : ''}${coreText(expr)}${modifiersText(expr)}`
}

export function modifiersText(expr: Expr): string {
  return expr.with.map(({ target, value }) => ` with ${termText(target)} as ${termText(value)}`).join('')
}

function operandText({ body, inBraces }: Operand): string {
  if (inBraces) return `{ ${bodyText(body)} }`
  const [only] = body
  const text = exprText(only!)
  // A set or an object would be read as a body.
  const isGroup = only!.with.length > 0 || (only!.type === 'logic' && only!.operator !== 'not') || text.startsWith('{')
  return isGroup ? `(${text})` : text
}

function coreText(expr: Expr): string {
  switch (expr.type) {
    case 'term':
      return termText(expr.term)
    case 'unify':
      return `${termText(expr.left)} = ${termText(expr.right)}`
    case 'assign':
      return `${termText(expr.left)} := ${termText(expr.right)}`
    case 'some':
      return `some ${expr.names.map((name) => termText(name)).join(', ')}`
    case 'some-in':
      return `some ${expr.key ? `${termText(expr.key, 1)}, ` : ''}${termText(expr.value, 1)} in ${termText(expr.domain)}`
    case 'every': {
      const variables = `${expr.key ? `${termText(expr.key)}, ` : ''}${termText(expr.value)}`
      return `every ${variables} in ${termText(expr.domain)} { ${bodyText(expr.body)} }`
    }
    case 'logic': {
      const texts = expr.operands.map(operandText)
      return expr.operator === 'not' ? `not ${texts[0]!}` : texts.join(` ${expr.operator} `)
    }
  }
}
