/**
 * Resolving: every name becomes a unique local, a path below `input` or `data`, or a built-in. `some` and `:=` declare locals from where
 * they stand to the end of the body; a name that nothing declares is a local of the rule.
 */
import type { Fault } from '../errors.ts'
import { faultAt } from '../syntax/source.ts'
import type { Source } from '../syntax/source.ts'
import type { Comprehension, Expr, Ref, Rule, RuleBody, Term, With } from '../syntax/ast.ts'
import { pathRef } from './names.ts'
import type { Names } from './names.ts'
import { isWildcard, Scope, uniqueName } from './scope.ts'
import type { Declaration } from './scope.ts'

export class Resolver {
  readonly names: Names
  readonly source: Source
  readonly faults: Fault[]
  count = 0

  constructor(names: Names, source: Source, faults: Fault[]) {
    this.names = names
    this.source = source
    this.faults = faults
  }

  fault(message: string, at: number): void {
    this.faults.push(faultAt(this.source, 'rego_compile_error', message, at))
  }

  rule(rule: Rule): Rule {
    const scope = new Scope(undefined)
    for (const arg of rule.args ?? []) this.declarePattern(arg, scope, 'parameter')
    const args = rule.args?.map((arg) => this.term(arg, scope))
    const branches: RuleBody[] = []
    let first: Scope | undefined
    for (const branch of rule.branches) {
      const inner = new Scope(scope)
      first ??= inner
      const body = this.body(branch.body, inner)
      const value = branch.value && this.term(branch.value, inner)
      this.checkUnused(inner)
      branches.push({ ...branch, body, value })
    }
    const [name, ...path] = rule.ref
    const ref = [name!, ...path.map((key) => this.term(key, first!))]
    return { ...rule, args, ref, member: rule.member && this.term(rule.member, first!), branches }
  }

  query(body: readonly Expr[]): Expr[] {
    const scope = new Scope(undefined)
    return this.body(body, scope)
  }

  private body(exprs: readonly Expr[], scope: Scope): Expr[] {
    return exprs.flatMap((expr) => this.expr(expr, scope))
  }

  private expr(expr: Expr, scope: Scope): Expr[] {
    const modifiers = expr.with.map((modifier) => this.modifier(modifier, scope))
    switch (expr.type) {
      case 'term':
        return [{ ...expr, term: this.term(expr.term, scope), with: modifiers }]
      case 'unify':
        return [{ ...expr, left: this.term(expr.left, scope), right: this.term(expr.right, scope), with: modifiers }]
      case 'assign': {
        const right = this.term(expr.right, scope)
        this.checkAssignable(expr.left)
        this.declarePattern(expr.left, scope, 'assigned')
        return [{ ...expr, type: 'unify', left: this.term(expr.left, scope), right, with: modifiers }]
      }
      case 'some':
        for (const { name, at } of expr.names) this.introduce(name, at, scope, 'declared')
        return []
      case 'some-in': {
        const domain = this.term(expr.domain, scope)
        if (expr.key) this.declarePattern(expr.key, scope, 'assigned')
        this.declarePattern(expr.value, scope, 'assigned')
        const key = expr.key && this.term(expr.key, scope)
        return [{ ...expr, domain, key, value: this.term(expr.value, scope), with: modifiers }]
      }
      case 'every': {
        const domain = this.term(expr.domain, scope)
        const inner = new Scope(scope)
        if (expr.key) this.declarePattern(expr.key, inner, 'assigned')
        this.declarePattern(expr.value, inner, 'assigned')
        const [key, value] = [expr.key && this.term(expr.key, inner), this.term(expr.value, inner)]
        const body = this.nested(inner, (each) => this.body(expr.body, each))
        return [{ ...expr, domain, key, value, body, with: modifiers }]
      }
      case 'logic': {
        const operands = expr.operands.map(({ body, inBraces }) => ({
          body: this.nested(scope, (inner) => this.body(body, inner)),
          inBraces,
        }))
        return [{ ...expr, operands, with: modifiers }]
      }
    }
  }

  /** Runs `work` in a scope of its own inside `scope`. */
  private nested<T>(scope: Scope, work: (inner: Scope) => T): T {
    const inner = new Scope(scope)
    const result = work(inner)
    this.checkUnused(inner)
    return result
  }

  private modifier(modifier: With, scope: Scope): With {
    const { target, value, at, end } = modifier
    const resolved = this.builtinName(target, scope) === undefined ? this.term(target, scope) : target
    const builtin = this.builtinName(value, scope)
    if (builtin === undefined) return { ...modifier, target: resolved, value: this.term(value, scope) }
    return { target: resolved, value: { type: 'scalar', value: null, at, end }, builtin, at, end }
  }

  /** The built-in that a term names. */
  private builtinName(term: Term, scope: Scope): string | undefined {
    const name = plainName(term)
    if (name === undefined || !this.names.isBuiltin(name)) return undefined
    const first = name.split('.')[0]!
    return scope.find(first) || this.names.globals.has(first) ? undefined : name
  }

  private term(term: Term, scope: Scope): Term {
    switch (term.type) {
      case 'scalar':
        return term
      case 'var':
        return this.variable(term.name, term, scope)
      case 'ref': {
        const head = this.term(term.head, scope)
        const path = term.path.map((key) => this.term(key, scope))
        return head.type === 'ref' ? { ...head, path: [...head.path, ...path], end: term.end } : ({ ...term, head, path } satisfies Ref)
      }
      case 'call':
        return {
          ...term,
          name: term.infix === undefined ? this.callName(term.name, term.at, scope) : term.name,
          args: term.args.map((arg) => this.term(arg, scope)),
        }
      case 'array':
      case 'set':
        return { ...term, items: term.items.map((item) => this.term(item, scope)) }
      case 'object':
        return { ...term, entries: term.entries.map(([key, value]) => [this.term(key, scope), this.term(value, scope)]) }
      case 'template':
        return { ...term, parts: term.parts.map((part) => (typeof part === 'string' ? part : this.expr(part, scope)[0]!)) }
      default:
        return this.comprehension(term, scope)
    }
  }

  private comprehension(term: Comprehension, scope: Scope): Comprehension {
    return this.nested(scope, (inner) => {
      const body = this.body(term.body, inner)
      if (term.type === 'object-comprehension')
        return { ...term, body, key: this.term(term.key, inner), value: this.term(term.value, inner) }
      return { ...term, body, term: this.term(term.term, inner) }
    })
  }

  private variable(name: string, term: { at: number; end: number }, scope: Scope): Term {
    const { at, end } = term
    if (isWildcard(name)) return { type: 'var', name: uniqueName(name, this.count++), at, end }
    const declaration = scope.find(name)
    if (declaration) {
      declaration.used = true
      return { type: 'var', name: declaration.unique, at, end }
    }
    if (!scope.used.has(name)) scope.used.set(name, at)
    const path = this.names.globals.get(name)
    return path ? pathRef(path, term) : { type: 'var', name, at, end }
  }

  private callName(name: string, at: number, scope: Scope): string {
    const [first = '', ...rest] = name.split('.')
    const path = this.names.globals.get(first)
    if (scope.find(first) && (path || rest.length === 0)) this.fault(`var ${first} cannot be called as a function`, at)
    return path ? [...path, ...rest].join('.') : name
  }

  private introduce(name: string, at: number, scope: Scope, how: Declaration['how']): void {
    const before = scope.declared.get(name)
    if (before && how !== 'parameter')
      this.fault(`var ${name} ${before.how === 'parameter' ? 'used as a parameter' : before.how} above`, at)
    else if (scope.used.has(name) && how !== 'parameter') this.fault(`var ${name} referenced above`, at)
    if (!before) scope.declared.set(name, { unique: uniqueName(name, this.count++), how, at, used: how !== 'declared' })
  }

  /** Declares the variables of a pattern: those that stand for themselves or in arrays and as values of objects. */
  private declarePattern(term: Term, scope: Scope, how: Declaration['how']): void {
    const seen = new Set<string>()
    for (const { name, at } of patternVariables(term)) {
      if (isWildcard(name) || seen.has(name)) continue
      seen.add(name)
      // Rules may share a package with a parameter's name; the parameter hides them.
      this.introduce(name, at, scope, how)
    }
  }

  private checkAssignable(term: Term): void {
    if (term.type === 'var') {
      if (term.name === 'input' || term.name === 'data') this.fault(`cannot assign to ${term.name}`, term.at)
      return
    }
    if (term.type === 'array') term.items.forEach((item) => this.checkAssignable(item))
    else if (term.type === 'object') term.entries.forEach(([, value]) => this.checkAssignable(value))
    else if (term.type !== 'scalar') this.fault(`cannot assign to ${term.type.replace('-', ' ')}`, term.at)
  }

  private checkUnused(scope: Scope): void {
    for (const [name, { used, at }] of scope.declared) if (!used) this.fault(`declared var ${name} unused`, at)
  }
}

function* patternVariables(term: Term): Generator<{ name: string; at: number }> {
  if (term.type === 'var') yield term
  else if (term.type === 'array') for (const item of term.items) yield* patternVariables(item)
  else if (term.type === 'object') for (const [, value] of term.entries) yield* patternVariables(value)
}

/** The dotted name that a term spells, if it spells one. */
export function plainName(term: Term): string | undefined {
  if (term.type === 'var') return term.name
  if (term.type !== 'ref' || term.head.type !== 'var') return undefined
  const names = term.path.map((key) => (key.type === 'scalar' && typeof key.value === 'string' ? key.value : undefined))
  return names.includes(undefined) ? undefined : [term.head.name, ...names].join('.')
}
