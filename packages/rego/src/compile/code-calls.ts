/** Calls of built-ins and of the policy's functions. */
import { BuiltinError, EvaluationError } from '../errors.ts'
import { Context } from '../run/context.ts'
import type { Getter } from '../run/context.ts'
import type { Builtin, Group } from '../run/program.ts'
import { locate } from '../syntax/source.ts'
import type { Source } from '../syntax/source.ts'
import type { Call } from '../syntax/ast.ts'
import { compare, equal } from '../values/operations.ts'
import type { Value } from '../values/value.ts'
import type { Coder, Known } from './coder.ts'

type Apply = (c: Context, args: readonly Value[]) => Value | undefined

/** Comparisons are too frequent for the way of other built-ins. */
const COMPARISONS: Readonly<Record<string, (a: Value, b: Value) => boolean>> = {
  equal,
  neq: (a, b) => !equal(a, b),
  lt: (a, b) => compare(a, b) < 0,
  lte: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  gte: (a, b) => compare(a, b) >= 0,
}

/** The comparison that a call is, where `with` doesn't replace it. */
export function comparisonOf(coder: Coder, { name, args }: Call): ((a: Value, b: Value) => boolean) | undefined {
  if (args.length !== 2 || !Object.hasOwn(COMPARISONS, name) || coder.linker.isMocked(name)) return undefined
  return COMPARISONS[name]
}

/** The getter of a call whose arguments are all bound. */
export function codeCall(coder: Coder, call: Call, known: Known): Getter {
  const getters = call.args.map((arg) => coder.value(arg, known))
  const comparison = comparisonOf(coder, call)
  if (comparison) {
    const [left, right] = getters as [Getter, Getter]
    return (f, c) => {
      const a = left(f, c)
      if (a === undefined) return undefined
      const b = right(f, c)
      return b === undefined ? undefined : comparison(a, b)
    }
  }
  if (call.name === 'rego.metadata.rule' || call.name === 'rego.metadata.chain') {
    const { rule, chain } = coder.linker.metadata(coder.source, call.at)
    return () => (call.name === 'rego.metadata.rule' ? rule : chain)
  }
  const apply = applyOf(coder, call)
  const size = getters.length
  if (coder.linker.builtin(call.name)?.isVariadic)
    return (f, c) =>
      apply(
        c,
        getters.map((get) => get(f, c) ?? '<undefined>'),
      )
  return (f, c) => {
    const args: Value[] = new Array(size)
    for (let i = 0; i < size; i++) {
      const value = getters[i]!(f, c)
      if (value === undefined) return undefined
      args[i] = value
    }
    return apply(c, args)
  }
}

function applyOf(coder: Coder, { name, at }: Call): Apply {
  const { linker, source } = coder
  const group = linker.function(name)
  const builtin = linker.builtin(name)
  const plain: Apply = group ? callGroup(group) : builtin ? callBuiltin(builtin, source, at) : () => undefined
  if (!linker.isMocked(name)) return plain
  return (c, args) => {
    const mock = c.mocks?.get(name)
    if (mock === undefined) return plain(c, args)
    if ('value' in mock) return mock.value
    // A replacement sees the real functions, itself not replaced.
    const real = new Context(c.session, c.input, c.data, c.overlay, undefined, c)
    return 'group' in mock ? callGroup(mock.group)(real, args) : callBuiltin(mock.builtin, source, at)(real, args)
  }
}

function callGroup(group: Group): Apply {
  return (c, args) => {
    const { budget } = c
    if (++budget.steps > budget.checkAt) budget.check()
    budget.enter()
    const value = group.evaluate(c, args)
    budget.leave()
    return value
  }
}

function callBuiltin(builtin: Builtin, source: Source, at: number): Apply {
  return (c, args) => {
    try {
      return builtin.call(args, c.session)
    } catch (error) {
      if (!(error instanceof BuiltinError)) throw error
      if (!c.session.strict) return undefined
      throw new EvaluationError(error.code, `${builtin.name}: ${error.message}`, locate(source, at))
    }
  }
}
