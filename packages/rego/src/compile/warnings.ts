/** What is allowed, but probably not meant. */
import type { Location } from '../errors.ts'
import type { Expr, Term } from '../syntax/ast.ts'
import { excerptOf } from '../errors.ts'
import { locate } from '../syntax/source.ts'
import type { Source } from '../syntax/source.ts'
import type { Callables } from './checks.ts'
import { partsOf, walkTerms } from './checks.ts'
import { withOperands } from './operands.ts'
import type { PlacedRule } from './rule-set.ts'

/** A place where two evaluators differ, or where something is not used. */
export interface Warning {
  readonly code: 'undefined_operand'
  readonly message: string
  readonly location: Location
  readonly excerpt: string
}

/** Warnings about the rules of a program. */
export function warningsOf(placed: readonly PlacedRule[], callables: Callables): Warning[] {
  const found: Warning[] = []
  for (const { module, rule } of placed) {
    if (module.version !== 'v0') continue
    for (const part of partsOf(rule))
      walkTerms(
        part,
        () => undefined,
        (expr) => {
          if (!expr.negated || !mayMissOperand(expr, callables)) return
          found.push(
            warningAt(
              module,
              'undefined_operand',
              'this negation is true here where an operand is undefined; OPA, and v1 here too, make it undefined',
              expr.at,
            ),
          )
        },
      )
  }
  return found
}

function warningAt(source: Source, code: Warning['code'], message: string, at: number): Warning {
  const location = locate(source, at)
  return { code, message, location, excerpt: excerptOf(source.source, location) }
}

/** Whether an operand of a negated expression may have no value: a part of a document, or what a function of the policy returns. */
function mayMissOperand(expr: Expr, callables: Callables): boolean {
  let may = false
  const look = (operand: Term): Term => {
    walkTerms(operand, (term) => {
      may ||= term.type === 'ref' || (term.type === 'call' && callables.arity(term.name) !== undefined)
    })
    return operand
  }
  withOperands(expr, look)
  return may
}
