/** Which variables a term or an expression mentions, outside and inside of closures. */
import type { Expr, Term } from '../syntax/ast.ts'

/** `input` and `data` stand for documents. */
export function isRoot(name: string): boolean {
  return name === 'input' || name === 'data'
}

export interface Mentions {
  /** Outside comprehensions, bodies of `every` and templates. */
  readonly open: ReadonlySet<string>
  /** Inside them. */
  readonly closed: ReadonlySet<string>
}

const known = new WeakMap<Term | Expr, Mentions>()

/** The variables of a term or an expression. */
export function mentions(node: Term | Expr): Mentions {
  const before = known.get(node)
  if (before) return before
  const open = new Set<string>()
  const closed = new Set<string>()
  const add = (child: Term | Expr): void => {
    const inner = mentions(child)
    for (const name of inner.open) open.add(name)
    for (const name of inner.closed) closed.add(name)
  }
  const close = (child: Term | Expr): void => {
    const inner = mentions(child)
    for (const name of inner.open) closed.add(name)
    for (const name of inner.closed) closed.add(name)
  }
  if ('negated' in node) exprParts(node, add, close)
  else if (node.type === 'var') {
    if (!isRoot(node.name)) open.add(node.name)
  } else termParts(node, add, close)
  const result = { open, closed }
  known.set(node, result)
  return result
}

type Visit = (child: Term | Expr) => void

function exprParts(expr: Expr, add: Visit, close: Visit): void {
  for (const { value } of expr.with) add(value)
  switch (expr.type) {
    case 'term':
      return add(expr.term)
    case 'unify':
    case 'assign':
      add(expr.left)
      return add(expr.right)
    case 'some':
      return
    case 'some-in':
      if (expr.key) add(expr.key)
      add(expr.value)
      return add(expr.domain)
    case 'every':
      add(expr.domain)
      if (expr.key) close(expr.key)
      close(expr.value)
      return expr.body.forEach(close)
    case 'logic':
      return expr.operands.forEach(({ body, inBraces }) => body.forEach(inBraces ? close : add))
  }
}

function termParts(term: Term, add: Visit, close: Visit): void {
  switch (term.type) {
    case 'scalar':
    case 'var':
      return
    case 'ref':
      add(term.head)
      return term.path.forEach(add)
    case 'call':
      return term.args.forEach(add)
    case 'array':
    case 'set':
      return term.items.forEach(add)
    case 'object':
      return term.entries.forEach(([key, value]) => {
        add(key)
        add(value)
      })
    case 'template':
      return term.parts.forEach((part) => {
        if (typeof part !== 'string') close(part)
      })
    case 'object-comprehension':
      close(term.key)
      close(term.value)
      return term.body.forEach(close)
    default:
      close(term.term)
      return term.body.forEach(close)
  }
}
