/** Rules by path: the tree that references are looked up in, and what may stand beside what. */
import type { Fault } from '../errors.ts'
import { faultAt } from '../syntax/source.ts'
import type { Module, Rule, Term } from '../syntax/ast.ts'
import type { DocNode, Group, GroupKind } from '../run/program.ts'

/** A resolved rule with its place. */
export interface PlacedRule {
  readonly module: Module
  readonly rule: Rule
  /** Path below `data` up to the first part that is not a constant name. */
  readonly path: readonly string[]
  /** What follows it. */
  readonly rest: readonly Term[]
  readonly kind: GroupKind
}

/** A group before it is coded. */
export interface RuleSet {
  readonly group: Group
  readonly rules: PlacedRule[]
  fallback: PlacedRule | undefined
  /** Groups below this one whose values are parts of this one's. */
  nested: { path: readonly string[]; set: RuleSet }[]
}

export interface RuleTree {
  readonly root: DocNode
  readonly sets: readonly RuleSet[]
  readonly byName: ReadonlyMap<string, RuleSet>
}

/** Where a rule belongs. */
export function placeRule(module: Module, rule: Rule): PlacedRule {
  const [name, ...keys] = rule.ref
  const path = [...module.package, name?.type === 'var' ? name.name : '']
  let fixed = 0
  for (const key of keys) {
    if (key.type !== 'scalar' || typeof key.value !== 'string') break
    path.push(key.value)
    fixed++
  }
  const rest = keys.slice(fixed)
  const kind: GroupKind = rule.args && rule.args.length > 0 ? 'function' : rest.length > 0 ? 'object' : rule.member ? 'set' : 'complete'
  return { module, rule, path, rest, kind }
}

/** Builds the tree. Conflicts go to `faults`. */
export function buildTree(placed: readonly PlacedRule[], packages: readonly Module[], faults: Fault[]): RuleTree {
  const root: DocNode = { path: [], children: new Map(), group: undefined }
  const byName = new Map<string, RuleSet>()
  for (const each of placed) addRule(byName, each, faults)
  for (const module of packages) nodeAt(root, module.package)
  const sets = [...byName.values()]
  // Shorter paths first, so that what lies below an object of rules becomes part of it.
  for (const set of [...sets].sort((a, b) => a.group.path.length - b.group.path.length)) placeSet(root, set, byName, faults)
  checkPackages(packages, byName, faults)
  return { root, sets, byName }
}

function addRule(byName: Map<string, RuleSet>, placed: PlacedRule, faults: Fault[]): void {
  const { rule, module, path, kind } = placed
  const name = ['data', ...path].join('.')
  let set = byName.get(name)
  if (!set) {
    const evaluate = (): undefined => undefined
    set = { group: { id: byName.size, path, name, kind, arity: rule.args?.length, evaluate }, rules: [], fallback: undefined, nested: [] }
    byName.set(name, set)
  }
  const { group } = set
  if (kind === 'complete') group.arity ??= rule.args?.length
  if (group.kind !== kind || (kind === 'function' && group.arity !== rule.args?.length))
    faults.push(faultAt(module, 'rego_type_error', `conflicting rules ${name} found`, rule.at))
  else if (!rule.default) set.rules.push(placed)
  else if (set.fallback) faults.push(faultAt(module, 'rego_type_error', `multiple default rules ${name} found`, rule.at))
  else set.fallback = placed
}

function nodeAt(root: DocNode, path: readonly string[]): DocNode {
  let node = root
  path.forEach((name, i) => {
    let child = node.children.get(name)
    if (!child) node.children.set(name, (child = { path: path.slice(0, i + 1), children: new Map(), group: undefined }))
    node = child
  })
  return node
}

/** Puts a group in the tree, or into the object of rules above it. */
function placeSet(root: DocNode, set: RuleSet, byName: ReadonlyMap<string, RuleSet>, faults: Fault[]): void {
  const { path } = set.group
  let node = root
  for (const [i, name] of path.entries()) {
    let child = node.children.get(name)
    if (!child) node.children.set(name, (child = { path: path.slice(0, i + 1), children: new Map(), group: undefined }))
    node = child
    if (!node.group) continue
    const above = byName.get(node.group.name)!
    if (above.group.kind === 'object' && set.group.kind !== 'function') above.nested.push({ path: path.slice(i + 1), set })
    else {
      const { module, rule } = above.rules[0] ?? above.fallback!
      faults.push(faultAt(module, 'rego_type_error', `rule ${above.group.name} conflicts with [${set.group.name}]`, rule.at))
    }
    return
  }
  node.group = set.group
}

function checkPackages(packages: readonly Module[], byName: ReadonlyMap<string, RuleSet>, faults: Fault[]): void {
  for (const module of packages) {
    for (let length = 1; length <= module.package.length; length++) {
      const name = ['data', ...module.package.slice(0, length)].join('.')
      const set = byName.get(name)
      if (set && set.group.kind !== 'object') {
        const message = `package ${name} conflicts with rule ${name} defined in ${(set.rules[0] ?? set.fallback!).module.file}`
        faults.push(faultAt(module, 'rego_type_error', message, module.packageAt))
      }
    }
  }
}
