/** Groups of rules as functions of a context: the value of complete rules and functions, and what partial rules collect. */
import { EvaluationError } from '../errors.ts'
import { allocateEntries } from '../run/budget.ts'
import type { Context, Frame, Getter, Step } from '../run/context.ts'
import { groupValue, ObjectBuilder } from '../run/documents.ts'
import type { Group } from '../run/program.ts'
import { locate } from '../syntax/source.ts'
import type { Expr, RuleBody, Term } from '../syntax/ast.ts'
import { EMPTY_SET, equal, hashKey, makeSet } from '../values/operations.ts'
import { RegoSet } from '../values/collections.ts'
import type { HashKey } from '../values/collections.ts'
import type { Value } from '../values/value.ts'
import { chain, Coder } from './coder.ts'
import type { Known, Linker, Watch } from './coder.ts'
import { constantOf } from './code-terms.ts'
import { buildIndex, candidates, conditionsOf } from './rule-index.ts'
import type { RuleIndex } from './rule-index.ts'
import type { PlacedRule, RuleSet } from './rule-set.ts'
import type { Visibility } from './flow.ts'

/** Told what becomes of the bodies of rules, when a policy is explained. */
export interface RuleWatcher {
  /** Watches one branch: `begin` and `finish` are called around its body. */
  branch(
    coder: Coder,
    placed: PlacedRule,
    branch: RuleBody,
  ): { watch: Watch; begin(f: Frame): void; finish(f: Frame, c: Context, value: Value | undefined): void }
}

/** One body of a rule: runs it for arguments and passes each solution's values to `collect`. */
interface Solver {
  run(c: Context, args: readonly Value[]): Value | undefined
}

const TRUE: Term = { type: 'scalar', value: true, at: 0, end: 0 }

/** Codes a group. */
export function codeGroup(set: RuleSet, linker: Linker, visibility: Visibility, watcher?: RuleWatcher): Group['evaluate'] {
  switch (set.group.kind) {
    case 'complete':
    case 'function':
      return codeComplete(set, linker, visibility, watcher)
    case 'set':
      return codeSet(set, linker, visibility, watcher)
    case 'object':
      return codeObject(set, linker, visibility, watcher)
  }
}

/** The name of a parameter that is a pattern. */
function parameterName(index: number): string {
  return `$arg${index}`
}

interface Opened {
  coder: Coder
  known: Known
  /** Unifications of patterns with parameters. */
  patterns: Expr[]
  parameters: ReadonlyMap<string, number>
}

/** A coder whose first slots are the parameters. */
function open(placed: PlacedRule, linker: Linker, visibility: Visibility): Opened {
  const coder = new Coder(linker, placed.module)
  const isLenient = placed.module.version === 'v0'
  const known: Known = { bound: new Set(), visibility: { ...visibility, isLenient: isLenient } }
  const patterns: Expr[] = []
  const parameters = new Map<string, number>()
  for (const [i, arg] of (placed.rule.args ?? []).entries()) {
    const isNew = arg.type === 'var' && !known.bound.has(arg.name) && arg.name !== 'input' && arg.name !== 'data'
    const name = isNew ? arg.name : parameterName(i)
    coder.slot(name)
    known.bound.add(name)
    parameters.set(name, i)
    if (isNew) continue
    const { at, end } = arg
    patterns.push({ type: 'unify', left: arg, right: { type: 'var', name, at, end }, negated: false, with: [], at, end })
  }
  return { coder, known, patterns, parameters }
}

/** Codes a branch whose solutions' value is kept in the frame; a second, different one is a conflict. */
function codeBranch(placed: PlacedRule, branch: RuleBody, linker: Linker, visibility: Visibility, watcher?: RuleWatcher): Solver {
  const { coder, known, patterns } = open(placed, linker, visibility)
  const value = branch.value ?? TRUE
  const watched = watcher?.branch(coder, placed, branch)
  const body = coder.body([...patterns, ...branch.body], known, [value], watched?.watch)
  const head = coder.head(value, body.known)
  const result = coder.fresh()
  const isConstant = constantOf(value) !== undefined
  const { get } = head
  const conflict = conflictOf(placed)
  const run: Step = body.link(
    chain(head.links)((f, c) => {
      const found = get(f, c)
      if (found === undefined) return false
      const before = f[result]
      if (before === undefined) f[result] = found
      else if (!equal(before, found)) throw conflict()
      return isConstant
    }),
  )
  return {
    run(c, args) {
      const f: Frame = new Array(coder.size)
      for (let i = 0; i < args.length; i++) f[i] = args[i]!
      watched?.begin(f)
      run(f, c)
      watched?.finish(f, c, f[result])
      return f[result]
    },
  }
}

function conflictOf({ kind, module, rule }: PlacedRule): () => EvaluationError {
  const message =
    kind === 'function' ? 'functions must not produce multiple outputs for same inputs' : 'complete rules must not produce multiple outputs'
  return () => new EvaluationError('eval_conflict_error', message, locate(module, rule.at))
}

interface CodedRule {
  placed: PlacedRule
  branches: readonly Solver[]
}

function codeComplete(set: RuleSet, linker: Linker, visibility: Visibility, watcher?: RuleWatcher): Group['evaluate'] {
  const rules = set.rules.map((placed) => ({
    placed,
    branches: placed.rule.branches.map((branch) => codeBranch(placed, branch, linker, visibility, watcher)),
  }))
  const { fallback } = set
  const otherwise = fallback && codeBranch(fallback, fallback.rule.branches[0]!, linker, visibility)
  const select = codeIndex<CodedRule, Value>(set, rules, linker, visibility, watcher)
  // Rules that all say the same need not all be asked.
  const constants = new Set(set.rules.flatMap(({ rule }) => rule.branches.map(({ value }) => constantKey(value ?? TRUE))))
  const isUniform = constants.size === 1 && !constants.has(undefined)
  const solve = (list: readonly CodedRule[], c: Context, args: readonly Value[], before: Value | undefined): Value | undefined => {
    let value = before
    for (const { placed, branches } of list) {
      if (value !== undefined && isUniform) return value
      const found = firstOf(branches, c, args)
      if (found === undefined) continue
      if (value === undefined) value = found
      else if (!equal(value, found)) throw conflictOf(placed)()
    }
    return value
  }
  const decide = (c: Context, args: readonly Value[]): Value | undefined => {
    const { budget } = c
    if (++budget.steps > budget.checkAt) budget.check()
    const value = select === undefined ? solve(rules, c, args, undefined) : select(c, args, (list, before) => solve(list, c, args, before))
    return value === undefined && otherwise ? otherwise.run(c, args) : value
  }
  return set.group.kind === 'function' ? decide : guarded(decide)
}

/** Counts how deep rules are under way. */
function guarded(evaluate: Group['evaluate']): Group['evaluate'] {
  return (c, args) => {
    c.budget.enter()
    const value = evaluate(c, args)
    c.budget.leave()
    return value
  }
}

function constantKey(value: Term): HashKey | undefined {
  const constant = constantOf(value)
  return constant === undefined ? undefined : hashKey(constant)
}

function firstOf(branches: readonly Solver[], c: Context, args: readonly Value[]): Value | undefined {
  for (const branch of branches) {
    const value = branch.run(c, args)
    if (value !== undefined) return value
  }
  return undefined
}

type Select<T, R> = (
  c: Context,
  args: readonly Value[],
  use: (rules: readonly T[], before: R | undefined) => R | undefined,
) => R | undefined

/** How to come by the rules that may succeed, or undefined where all must be asked. */
function codeIndex<T extends { placed: PlacedRule }, R>(
  set: RuleSet,
  rules: readonly T[],
  linker: Linker,
  visibility: Visibility,
  watcher?: RuleWatcher,
): Select<T, R> | undefined {
  if (watcher) return undefined
  const index = indexOf(set, rules, linker, visibility)
  if (!index) return undefined
  const { get, built } = index
  return (c, args, use) => {
    const found = candidates(built, get(args as Frame, c))
    const value = found.length > 0 ? use(found, undefined) : undefined
    return built.others.length > 0 ? use(built.others, value) : value
  }
}

function indexOf<T extends { placed: PlacedRule }>(
  set: RuleSet,
  rules: readonly T[],
  linker: Linker,
  visibility: Visibility,
): { get: Getter; built: RuleIndex<T> } | undefined {
  const built = buildIndex(
    rules.map((rule) => {
      const { placed } = rule
      const [branch] = placed.rule.branches
      if (!branch || placed.rule.branches.length > 1) return { rule, conditions: [] }
      const { patterns, parameters } = open(placed, linker, visibility)
      return { rule, conditions: conditionsOf([...patterns, ...branch.body], parameters) }
    }),
  )
  if (!built) return undefined
  const { subject, parameter } = built
  if (parameter !== undefined) return { get: (f) => f[parameter], built }
  const { coder, known } = open(set.rules[0]!, linker, visibility)
  return { get: coder.value(subject, known), built }
}

interface Emitter {
  placed: PlacedRule
  /** Runs the body; `emit` takes each solution's values. */
  run(c: Context, emit: (values: readonly Value[]) => void): void
}

/** Codes a rule whose solutions are collected: `terms` are evaluated for each. */
function codeEmitter(placed: PlacedRule, terms: readonly Term[], linker: Linker, visibility: Visibility, watcher?: RuleWatcher): Emitter {
  const { coder, known } = open(placed, linker, visibility)
  const branch = placed.rule.branches[0]!
  const watched = watcher?.branch(coder, placed, branch)
  const body = coder.body(branch.body, known, terms, watched?.watch)
  const heads = terms.map((term) => coder.head(term, body.known))
  const emitSlot = coder.fresh()
  const run = body.link(
    chain(heads.flatMap(({ links }) => links))((f, c) => {
      const values: Value[] = []
      for (const { get } of heads) {
        const value = get(f, c)
        if (value === undefined) return false
        values.push(value)
      }
      allocateEntries(1)
      ;(f[emitSlot] as unknown as (values: readonly Value[]) => void)(values)
      return false
    }),
  )
  return {
    placed,
    run(c, emit) {
      const f: Frame = new Array(coder.size)
      let last: Value | undefined
      f[emitSlot] = ((values: readonly Value[]) => {
        last = values[0]
        emit(values)
      }) as unknown as Value
      watched?.begin(f)
      run(f, c)
      watched?.finish(f, c, last)
    },
  }
}

function codeSet(set: RuleSet, linker: Linker, visibility: Visibility, watcher?: RuleWatcher): Group['evaluate'] {
  const rules = set.rules.map((placed) => codeEmitter(placed, [placed.rule.member!], linker, visibility, watcher))
  const select = codeIndex<Emitter, Value>(set, rules, linker, visibility, watcher)
  return guarded((c, args) => {
    const members = new Map<HashKey, Value>()
    const solve = (list: readonly Emitter[]): undefined => {
      for (const rule of list) rule.run(c, ([member]) => void members.set(hashKey(member!), member!))
      return undefined
    }
    if (select) select(c, args, solve)
    else solve(rules)
    return members.size === 0 ? EMPTY_SET : new RegoSet(members)
  })
}

function codeObject(set: RuleSet, linker: Linker, visibility: Visibility, watcher?: RuleWatcher): Group['evaluate'] {
  const rules = set.rules.map((placed) => {
    const { rule, rest } = placed
    const last = rule.member ?? rule.branches[0]!.value ?? TRUE
    return codeEmitter(placed, [...rest, last], linker, visibility, watcher)
  })
  const select = codeIndex<Emitter, Value>(set, rules, linker, visibility, watcher)
  return guarded((c, args) => {
    const builder = new ObjectBuilder()
    const solve = (list: readonly Emitter[]): undefined => {
      for (const { placed, run } of list) {
        const isMember = placed.rule.member !== undefined
        run(c, (values) => builder.put(values.slice(0, -1), values.at(-1)!, isMember, equal))
      }
      return undefined
    }
    try {
      if (select) select(c, args, solve)
      else solve(rules)
      for (const { path, set: inner } of set.nested) {
        const value = groupValue(c, inner.group)
        if (inner.group.kind === 'set' && value instanceof RegoSet)
          for (const member of value.members.values()) builder.put(path, member, true, equal)
        else if (value !== undefined) builder.put(path, value, false, equal)
        else builder.reserve(path.slice(0, -1))
      }
    } catch (error) {
      if (error instanceof EvaluationError) error.location ??= locate(set.rules[0]!.module, set.rules[0]!.rule.at)
      throw error
    }
    return builder.build(makeSet)
  })
}
