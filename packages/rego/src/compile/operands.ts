/**
 * Operands of negated expressions. OPA computes the references and calls inside one before it, so that in v1 a negation with an undefined
 * operand is undefined itself; in v0, where policies in the wild count on it, it is true here.
 */
import type { Expr, Term } from '../syntax/ast.ts'
import { isRoot } from './variables.ts'

/** A negated expression whose operands are replaced as `replace` says. */
export function withOperands<E extends Expr>(expr: E, replace: (operand: Term) => Term): E {
  switch (expr.type) {
    case 'term':
      return { ...expr, term: outermost(expr.term, replace) }
    case 'unify':
      return { ...expr, left: expr.isCaptured ? outermost(expr.left, replace) : side(expr.left, replace), right: side(expr.right, replace) }
    default:
      return expr
  }
}

function outermost(term: Term, replace: (operand: Term) => Term): Term {
  if (term.type === 'call')
    return { ...term, args: term.args.map((arg) => (term.name === 'equal' ? side(arg, replace) : inside(arg, replace))) }
  return side(term, replace)
}

/** What stands on its own, or on one side of an equality: it may be undefined, but what it is made of may not. */
function side(term: Term, replace: (operand: Term) => Term): Term {
  if (term.type === 'ref' && term.head.type === 'var') return { ...term, path: term.path.map((key) => inside(key, replace)) }
  return inside(term, replace)
}

function inside(term: Term, replace: (operand: Term) => Term): Term {
  switch (term.type) {
    case 'ref':
    case 'call':
      return replace(term)
    case 'var':
      return isRoot(term.name) ? replace(term) : term
    case 'array':
    case 'set':
      return { ...term, items: term.items.map((item) => inside(item, replace)) }
    case 'object':
      return { ...term, entries: term.entries.map(([key, value]) => [inside(key, replace), inside(value, replace)]) }
    default:
      return term
  }
}
