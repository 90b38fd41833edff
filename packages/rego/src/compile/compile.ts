/** From modules to a program: resolve, place, check, and make code. */
import { LimitError, RegoError } from '../errors.ts'
import type { Fault } from '../errors.ts'
import type { BuiltinSpec } from '../builtins/types.ts'
import { checkOperands, kindsOf } from '../builtins/types.ts'
import { Budget, DEFAULT_LIMITS, spend, spendCharacters, underBudget } from '../run/budget.ts'
import type { Builtin, DocNode } from '../run/program.ts'
import { errorAt, faultAt } from '../syntax/source.ts'
import type { Source } from '../syntax/source.ts'
import type { Expr, Module, Rule, Term } from '../syntax/ast.ts'
import { captureResults, checkCalls, checkRecursion, partsOf, walkTerms } from './checks.ts'
import type { Callables } from './checks.ts'
import { codeGroup } from './code-rules.ts'
import type { RuleWatcher } from './code-rules.ts'
import { Coder } from './coder.ts'
import type { CodedBody, Linker } from './coder.ts'
import type { Visibility } from './flow.ts'
import { MetadataIndex, NO_METADATA } from './metadata.ts'
import type { RuleMetadata } from './metadata.ts'
import { namesOf, ruleName } from './names.ts'
import { plainName, Resolver } from './resolve.ts'
import { buildTree, placeRule } from './rule-set.ts'
import type { PlacedRule, RuleTree } from './rule-set.ts'
import { isWildcard, sourceName } from './scope.ts'
import { warningsOf } from './warnings.ts'
import type { Warning } from './warnings.ts'

/** Faults beyond this many are not reported. */
const MAX_FAULTS = 10
/** What compiling may cost; beyond it, the source is refused. Work is counted, not time: a busy machine refuses nothing that an idle one accepts. */
const COMPILE_LIMITS = { ...DEFAULT_LIMITS, steps: 10_000_000, milliseconds: Infinity }

export interface Program {
  readonly root: DocNode
  readonly tree: RuleTree
  readonly warnings: readonly Warning[]
  /** Codes a query, whose variables are given by name with their slots. */
  query(source: Source, body: readonly Expr[]): CodedQuery
}

export interface CodedQuery {
  readonly body: CodedBody
  readonly coder: Coder
  /** Variables of the query, by their names in the source. */
  readonly variables: readonly { name: string; slot: number }[]
  /** Slots of the values of its expressions; undefined for those that only test or bind something. */
  readonly values: readonly (number | undefined)[]
}

/** Compiles modules that belong together. Throws RegoError with all faults found, in the order of the stages. */
export function compileModules(modules: readonly Module[], specs: ReadonlyMap<string, BuiltinSpec>, watcher?: RuleWatcher): Program {
  return guardedCompile(modules[0], () => new Compilation(modules, specs, watcher).program())
}

/** Turns exhausted limits and stacks into faults. */
function guardedCompile<T>(source: Source | undefined, work: () => T): T {
  try {
    return underBudget(new Budget(COMPILE_LIMITS), work)
  } catch (error) {
    if (!(error instanceof RangeError) && !(error instanceof LimitError)) throw error
    const where = source ?? { file: '', source: '' }
    throw errorAt(where, 'rego_compile_error', 'the policy is too large or nested too deeply to compile', 0)
  }
}

class Compilation {
  private readonly modules: readonly Module[]
  private readonly specs: ReadonlyMap<string, BuiltinSpec>
  private readonly watcher: RuleWatcher | undefined
  private readonly faults: Fault[] = []
  private readonly builtins = new Map<string, Builtin>()
  private readonly mocked = new Set<string>()
  private tree: RuleTree | undefined
  private annotations: MetadataIndex | undefined

  constructor(modules: readonly Module[], specs: ReadonlyMap<string, BuiltinSpec>, watcher: RuleWatcher | undefined) {
    this.modules = modules
    this.specs = specs
    this.watcher = watcher
  }

  program(): Program {
    for (const { source } of this.modules) spend(source.length)
    const isBuiltin = (name: string): boolean => this.specs.has(name)
    const placed: PlacedRule[] = []
    for (const module of this.modules) {
      const names = namesOf(module, this.modules, isBuiltin)
      const resolver = new Resolver(names, module, this.faults)
      this.checkNames(module)
      for (const rule of module.rules) placed.push(placeRule(module, resolver.rule(rule)))
    }
    this.refuse()
    for (const { module, rule, kind } of placed)
      if (kind === 'object' && rule.branches.length > 1)
        this.faults.push(faultAt(module, 'rego_compile_error', 'else keyword cannot be used on partial rules', rule.at))
    const tree = buildTree(placed, this.modules, this.faults)
    this.tree = tree
    this.refuse()
    const callables = this.callables(tree)
    for (const { rule, module } of placed) {
      this.capture(rule, callables)
      checkCalls(partsOf(rule), module, callables, this.faults)
      this.noteMocks(partsOf(rule))
    }
    this.refuse()
    checkRecursion(tree, this.faults)
    this.refuse()
    const linker = this.linker(tree)
    const visibility = this.visibility(linker)
    this.codeGroups(tree, linker, visibility)
    const warnings = warningsOf(placed, callables)
    return { root: tree.root, tree, warnings, query: (source, body) => guardedCompile(source, () => this.query(source, body)) }
  }

  private codeGroups(tree: RuleTree, linker: Linker, visibility: Visibility): void {
    for (const set of tree.sets) set.group.evaluate = codeGroup(set, linker, visibility, this.watcher)
    this.refuse()
  }

  private refuse(): void {
    if (this.faults.length > 0) throw new RegoError(this.faults.slice(0, MAX_FAULTS))
  }

  /** Refuses rules and imports that hide the documents or one another. */
  private checkNames(module: Module): void {
    const fault = (message: string, at: number): void => void this.faults.push(faultAt(module, 'rego_compile_error', message, at))
    for (const { ref, at } of module.rules) {
      const name = ruleName(ref)
      if (module.version === 'v1' && (name === 'input' || name === 'data'))
        fault(`rules must not shadow ${name} (use a different rule name)`, at)
    }
    const seen = new Map<string, string>()
    for (const { path, alias, at } of module.imports) {
      if (path[0] !== 'data' && path[0] !== 'input') continue
      const name = alias ?? path.at(-1)!
      const text = path.join('.')
      if (module.version === 'v1' && seen.has(name)) fault(`import must not shadow import ${seen.get(name)}`, at)
      seen.set(name, text)
    }
  }

  private callables(tree: RuleTree): Callables {
    return {
      builtin: (name) => this.specs.get(name),
      arity: (name) => {
        return tree.byName.get(name)?.group.arity
      },
    }
  }

  private capture(rule: Rule, callables: Callables): void {
    for (const branch of rule.branches) branch.body = captureBody(branch.body, callables)
    for (const node of partsOf(rule)) captureBelow(node, callables)
  }

  /** Remembers which functions `with` replaces. */
  private noteMocks(nodes: readonly (Term | Expr)[]): void {
    const note = (expr: Expr): void => {
      for (const { target } of expr.with) {
        const name = plainName(target)
        if (name !== undefined) this.mocked.add(name)
      }
    }
    for (const node of nodes) walkTerms(node, ignore, note)
  }

  private linker(tree: RuleTree): Linker {
    return {
      root: tree.root,
      builtin: (name) => this.builtin(name),
      function: (name) => {
        const group = tree.byName.get(name)?.group
        return group?.arity === undefined ? undefined : group
      },
      isMocked: (name) => this.mocked.has(name),
      metadata: (source, at) => this.metadata(source, at),
      unsafe: (source, variables) => {
        const seen = new Set<string>()
        for (const [unique, { at }] of variables) {
          const name = sourceName(unique)
          if (seen.has(name)) continue
          seen.add(name)
          this.faults.push(faultAt(source, 'rego_unsafe_var_error', `var ${name} is unsafe`, at))
        }
      },
    }
  }

  private metadata(source: Source, at: number): RuleMetadata {
    const module = this.modules.find((each) => each === source)
    this.annotations ??= new MetadataIndex(this.modules, (where, text, begin) =>
      this.faults.push(faultAt(where, 'rego_parse_error', text, begin)),
    )
    return module ? this.annotations.at(module, at) : NO_METADATA
  }

  private builtin(name: string): Builtin | undefined {
    const known = this.builtins.get(name)
    if (known) return known
    const spec = this.specs.get(name)
    if (!spec) return undefined
    const types = spec.args.map(kindsOf)
    const { call } = spec
    const made: Builtin = {
      name,
      arity: spec.args.length,
      isRelation: spec.isRelation ?? false,
      isVariadic: spec.isVariadic ?? false,
      call: (args, session) => {
        checkOperands(types, args)
        for (const arg of args) if (typeof arg === 'string') spendCharacters(arg.length)
        return call(args, session)
      },
    }
    this.builtins.set(name, made)
    return made
  }

  private visibility(linker: Linker): Visibility {
    return { visible: new Set(), isLenient: false, isRelation: (name) => linker.builtin(name)?.isRelation ?? false }
  }

  private query(source: Source, parsed: readonly Expr[]): CodedQuery {
    const tree = this.tree!
    const isBuiltin = (name: string): boolean => this.specs.has(name)
    const resolver = new Resolver({ globals: new Map(), isBuiltin }, source, this.faults)
    this.faults.length = 0
    const callables = this.callables(tree)
    const resolved = captureBody(resolver.query(parsed), callables)
    for (const node of resolved) captureBelow(node, callables)
    checkCalls(resolved, source, callables, this.faults)
    const mocked = this.mocked.size
    this.noteMocks(resolved)
    this.refuse()
    const linker = this.linker(tree)
    // Code asks for replacements only of functions that are replaced somewhere.
    if (this.mocked.size > mocked) this.codeGroups(tree, linker, this.visibility(linker))
    const coder = new Coder(linker, source)
    const captured = resolved.map(captureValue)
    const exprs = captured.map(({ expr }) => expr)
    const body = coder.body(exprs, { bound: new Set(), visibility: this.visibility(linker) })
    this.refuse()
    const names = [...body.known.bound].filter((name) => !isWildcard(name))
    return {
      coder,
      body,
      variables: names.map((name) => ({ name: sourceName(name), slot: coder.slot(name) })),
      values: captured.map(({ variable }) => (variable === undefined ? undefined : coder.slot(variable))),
    }
  }
}

/** An expression of a query whose value is kept in a variable, false or not. */
function captureValue(expr: Expr, index: number): { expr: Expr; variable: string | undefined } {
  if (expr.type !== 'term' || expr.negated) return { expr, variable: undefined }
  const variable = `$value${index}`
  const { at, end } = expr
  return { expr: { ...expr, type: 'unify', left: { type: 'var', name: variable, at, end }, right: expr.term }, variable }
}

function captureBody(body: readonly Expr[], callables: Callables): Expr[] {
  return body.map((expr) => captureResults(expr, callables))
}

/** Does the same in bodies inside a node. */
function captureBelow(node: Term | Expr, callables: Callables): void {
  walkTerms(
    node,
    (term) => {
      if ('body' in term) term.body = captureBody(term.body, callables)
    },
    (expr) => {
      if (expr.type === 'every') expr.body = captureBody(expr.body, callables)
      if (expr.type === 'logic') for (const operand of expr.operands) operand.body = captureBody(operand.body, callables)
    },
  )
}

function ignore(): void {
  // Only expressions are of interest.
}
