/** Checks of a whole program: calls and their arity, kinds of constants, recursion, shadowed names. */
import type { Fault } from '../errors.ts'
import { spend } from '../run/budget.ts'
import { faultAt } from '../syntax/source.ts'
import type { Source } from '../syntax/source.ts'
import type { Call, Expr, Rule, Term } from '../syntax/ast.ts'
import { kindOf } from '../values/value.ts'
import type { BuiltinSpec } from '../builtins/types.ts'
import { kindsOf } from '../builtins/types.ts'
import type { PlacedRule, RuleSet, RuleTree } from './rule-set.ts'

/** What a program can call. */
export interface Callables {
  builtin(name: string): BuiltinSpec | undefined
  /** The number of parameters of a function of the policy. */
  arity(name: string): number | undefined
}

/** Calls `visit` for every term below, the node's own first, and `visitExpr` for every expression. */
export function walkTerms(node: Term | Expr, visit: (term: Term) => void, visitExpr?: (expr: Expr) => void): void {
  if (!('negated' in node)) {
    visit(node)
    for (const child of childrenOf(node)) walkTerms(child, visit, visitExpr)
    return
  }
  visitExpr?.(node)
  for (const child of exprChildren(node)) walkTerms(child, visit, visitExpr)
}

function exprChildren(expr: Expr): readonly (Term | Expr)[] {
  const modifiers = expr.with.flatMap(({ target, value }) => [target, value])
  switch (expr.type) {
    case 'term':
      return [...modifiers, expr.term]
    case 'unify':
    case 'assign':
      return [...modifiers, expr.left, expr.right]
    case 'some':
      return modifiers
    case 'logic':
      return [...modifiers, ...expr.operands.flatMap(({ body }) => body)]
    default:
      return [...modifiers, ...(expr.key ? [expr.key] : []), expr.value, expr.domain, ...(expr.type === 'every' ? expr.body : [])]
  }
}

function childrenOf(term: Term): readonly (Term | Expr)[] {
  switch (term.type) {
    case 'scalar':
    case 'var':
      return []
    case 'ref':
      return [term.head, ...term.path]
    case 'call':
      return term.args
    case 'array':
    case 'set':
      return term.items
    case 'object':
      return term.entries.flat()
    case 'template':
      return term.parts.filter((part) => typeof part !== 'string')
    case 'object-comprehension':
      return [term.key, term.value, ...term.body]
    default:
      return [term.term, ...term.body]
  }
}

/** All terms and expressions of a rule. */
export function partsOf({ ref, args, member, branches }: Rule): (Term | Expr)[] {
  const heads = [...ref.slice(1), ...(args ?? []), ...(member ? [member] : [])]
  return [...heads, ...branches.flatMap(({ value, body }) => [...(value ? [value] : []), ...body])]
}

/** Refuses calls of what is no function, with too many or too few arguments, or with constants of a wrong kind. */
export function checkCalls(nodes: readonly (Term | Expr)[], source: Source, callables: Callables, faults: Fault[]): void {
  for (const node of nodes) walkTerms(node, (term) => term.type === 'call' && checkCall(term, source, callables, faults))
}

function checkCall({ name, args, at }: Call, source: Source, callables: Callables, faults: Fault[]): void {
  const refuse = (message: string): void => void faults.push(faultAt(source, 'rego_type_error', message, at))
  const spec = callables.builtin(name)
  const arity = callables.arity(name) ?? spec?.args.length
  if (arity === undefined) return refuse(`undefined function ${name}`)
  if (spec?.isVariadic) return
  if (args.length > arity) return refuse(`${name}: too many arguments\n\thave: ${args.length}\n\twant: ${arity}`)
  if (args.length < arity) return refuse(`${name}: too few arguments\n\thave: ${args.length}\n\twant: ${arity}`)
  if (!spec || callables.arity(name) !== undefined) return
  for (const [i, type] of spec.args.entries()) {
    const kinds = kindsOf(type)
    const kind = kinds && kindOfTerm(args[i]!, callables)
    if (kinds && kind && !kinds.includes(kind))
      refuse(`${name}: invalid argument(s)\n\thave: operand ${i + 1} is ${kind}\n\twant: ${kinds.join(' or ')}`)
  }
}

/** The kind that a term is known to have. */
function kindOfTerm(term: Term, callables: Callables): string | undefined {
  switch (term.type) {
    case 'scalar':
      return kindOf(term.value)
    case 'array':
    case 'set':
    case 'object':
      return term.type
    case 'array-comprehension':
      return 'array'
    case 'set-comprehension':
      return 'set'
    case 'object-comprehension':
      return 'object'
    case 'template':
      return 'string'
    case 'call': {
      const kinds = kindsOf(callables.builtin(term.name)?.result ?? 'any')
      return kinds?.length === 1 && callables.arity(term.name) === undefined ? kinds[0] : undefined
    }
    default:
      return undefined
  }
}

/** Splits `f(x, y)`, where f has one parameter, into `f(x) = y`: the last argument takes the result. */
export function captureResults(node: Expr, callables: Callables): Expr {
  if (node.type !== 'term' || node.term.type !== 'call' || node.term.infix !== undefined) return node
  const { name, args } = node.term
  const arity = callables.arity(name) ?? callables.builtin(name)?.args.length
  if (arity === undefined || args.length !== arity + 1 || callables.builtin(name)?.isVariadic) return node
  const { at, end, negated } = node
  return {
    type: 'unify',
    isCaptured: true,
    left: { ...node.term, args: args.slice(0, -1) },
    right: args.at(-1)!,
    with: node.with,
    negated,
    at,
    end,
  }
}

/** What noting that one rule set refers to another takes. */
const EDGE_STEPS = 4

/** The rule sets that nodes refer to. */
function dependencies(nodes: readonly (Term | Expr)[], tree: RuleTree): Set<RuleSet> {
  const found = new Set<RuleSet>()
  const heads = new Set<Term>()
  const call = (name: string): void => {
    const set = nearestSet(name.split('.'), tree)
    if (set) found.add(set)
  }
  for (const node of nodes)
    walkTerms(node, (term) => {
      if (term.type === 'ref') heads.add(term.head)
      if (term.type === 'call') call(term.name)
      else if (term.type === 'var' && term.name === 'data' && !heads.has(term)) addBelow([tree.root], tree, found)
      else if (term.type === 'ref' && term.head.type === 'var' && term.head.name === 'data') addReferenced(term.path, tree, found)
    })
  return found
}

/** The rules that a reference below `data` may read: a key that is no constant may be any name. */
function addReferenced(path: readonly Term[], tree: RuleTree, found: Set<RuleSet>): void {
  let places = [tree.root]
  for (const key of path) {
    const inner: RuleTree['root'][] = []
    for (const { children } of places) {
      spend(1)
      // Rules have names; a constant of another kind is a key of base data.
      const named = key.type !== 'scalar' ? children.values() : typeof key.value === 'string' ? [children.get(key.value)] : []
      for (const child of named) {
        spend(EDGE_STEPS)
        if (child?.group) found.add(tree.byName.get(child.group.name)!)
        else if (child) inner.push(child)
      }
    }
    places = inner
  }
  addBelow(places, tree, found)
}

function nearestSet(path: readonly string[], tree: RuleTree): RuleSet | undefined {
  for (let length = path.length; length > 1; length--) {
    const set = tree.byName.get(path.slice(0, length).join('.'))
    if (set) return set
  }
  return undefined
}

function addBelow(places: readonly RuleTree['root'][], tree: RuleTree, found: Set<RuleSet>): void {
  const waiting = [...places]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    spend(EDGE_STEPS)
    if (next.group && next.group.kind !== 'function') found.add(tree.byName.get(next.group.name)!)
    waiting.push(...next.children.values())
  }
}

/** Cycles beyond this many are not reported, and names beyond this many in one. */
const MAX_CYCLES = 10
const MAX_NAMES = 12

/** Refuses rules that need themselves. */
export function checkRecursion(tree: RuleTree, faults: Fault[]): void {
  const edges = new Map(tree.sets.map((set) => [set, new Set(edgesOf(set, tree))]))
  const done = new Set<RuleSet>()
  for (const start of tree.sets) {
    // Depth first without the machine's stack: a policy may chain thousands of rules.
    const trail: { set: RuleSet; rest: Iterator<RuleSet> }[] = []
    const onTrail = new Set<RuleSet>()
    const push = (set: RuleSet): void => {
      trail.push({ set, rest: edges.get(set)!.values() })
      onTrail.add(set)
    }
    if (!done.has(start)) push(start)
    for (let top = trail.at(-1); top; top = trail.at(-1)) {
      const { value: next } = top.rest.next()
      if (next === undefined) {
        done.add(top.set)
        onTrail.delete(top.set)
        trail.pop()
      } else if (onTrail.has(next)) {
        if (faults.length >= MAX_CYCLES) return
        const from = trail.findIndex(({ set }) => set === next)
        const cycle = trail.slice(from).map(({ set }) => set.group.name)
        const names = [...cycle.slice(0, MAX_NAMES), ...(cycle.length > MAX_NAMES ? ['…'] : []), next.group.name]
        const { module, rule } = firstRule(next)
        faults.push(faultAt(module, 'rego_recursion_error', `rule ${next.group.name} is recursive: ${names.join(' -> ')}`, rule.at))
      } else if (!done.has(next)) {
        push(next)
      }
    }
  }
}

function firstRule(set: RuleSet): PlacedRule {
  return (set.rules[0] ?? set.fallback)!
}

function edgesOf(set: RuleSet, tree: RuleTree): RuleSet[] {
  const rules = [...set.rules, ...(set.fallback ? [set.fallback] : [])]
  return [...rules.flatMap(({ rule }) => [...dependencies(partsOf(rule), tree)]), ...set.nested.map((each) => each.set)]
}
