/** Declared types of built-ins: their operands and results, by which the compiler checks constants and the evaluator checks operands. */
import { BuiltinError } from '../errors.ts'
import { isInteger, toBigint } from '../values/numbers.ts'
import { kindOf } from '../values/value.ts'
import type { Kind, Num, Value } from '../values/value.ts'
import type { Session } from '../run/context.ts'

/** Kinds separated by bars, or `any`. */
export type TypeName = string

export interface BuiltinSpec {
  readonly name: string
  readonly args: readonly TypeName[]
  readonly result: TypeName
  /** The result is an array of solutions. */
  readonly isRelation?: boolean
  /** It takes any number of arguments and learns which of them have no value. */
  readonly isVariadic?: boolean
  /** Throws BuiltinError. Operands have been checked against `args`. */
  readonly call: (args: readonly Value[], session: Session) => Value | undefined
}

/** A built-in as a table row. */
export function builtin(
  name: string,
  args: readonly TypeName[],
  result: TypeName,
  call: (...args: never[]) => Value | undefined,
): BuiltinSpec {
  const typed = call as (...args: unknown[]) => Value | undefined
  return { name, args, result, call: (values, session) => typed(...values, session) }
}

/** The kinds of a type; undefined for any. */
export function kindsOf(type: TypeName): readonly string[] | undefined {
  return type === 'any' ? undefined : type.split('|')
}

/** Order in which messages list kinds. */
const LISTED = ['null', 'boolean', 'array', 'object', 'set', 'number', 'string']

/** Refuses operands whose kinds are not declared, in OPA's words. */
export function checkOperands(types: readonly (readonly string[] | undefined)[], args: readonly Value[]): void {
  for (let i = 0; i < types.length; i++) {
    const kinds = types[i]
    if (kinds === undefined) continue
    const kind = kindOf(args[i]!)
    if (!kinds.includes(kind)) throw operandError(i + 1, `must be ${kindList(kinds)} but got ${kind}`)
  }
}

export function kindList(kinds: readonly string[]): string {
  const [only] = kinds
  if (kinds.length === 1 && only !== undefined) return only
  return `one of {${[...kinds].sort((a, b) => LISTED.indexOf(a) - LISTED.indexOf(b)).join(', ')}}`
}

export function operandError(operand: number, message: string): BuiltinError {
  return new BuiltinError('eval_type_error', `operand ${operand} ${message}`)
}

export function failure(message: string): BuiltinError {
  return new BuiltinError('eval_builtin_error', message)
}

export function typeFailure(message: string): BuiltinError {
  return new BuiltinError('eval_type_error', message)
}

/** The operand as an integer that a double holds. Throws if it is not one. */
export function integerOperand(value: Num, operand: number): number {
  if (!isInteger(value)) throw operandError(operand, 'must be integer number but got floating-point number')
  if (typeof value !== 'number') throw failure(`operand ${operand} is out of range`)
  return value
}

/** The operand as a place or a length: an integer of 64 bits, which a double may round. Throws if it is not one. */
export function positionOperand(value: Num, operand: number): number {
  const exact = toBigint(value)
  if (exact === undefined || BigInt.asIntN(64, exact) !== exact)
    throw operandError(operand, 'must be integer number but got floating-point number')
  return Number(exact)
}

/** Strings of a collection. Throws where something else is in it. */
export function stringsOf(items: Iterable<Value>, operand: number, what: Kind): string[] {
  return Array.from(items, (item) => {
    if (typeof item !== 'string') throw operandError(operand, `must be ${what} of strings but got ${what} containing ${kindOf(item)}`)
    return item
  })
}
