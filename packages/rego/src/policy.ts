/** Policies: compiled once, evaluated many times. */
import { randomBytes } from 'node:crypto'
import type { BuiltinSpec } from './builtins/types.ts'
import { BUILTINS } from './builtins/registry.ts'
import { EvaluationError, LimitError } from './errors.ts'
import { compileModules } from './compile/compile.ts'
import type { Program } from './compile/compile.ts'
import type { Warning } from './compile/warnings.ts'
import { createExplainer } from './explain.ts'
import type { Explanation } from './explain.ts'
import { Budget, DEFAULT_LIMITS, underBudget } from './run/budget.ts'
import type { Limits } from './run/budget.ts'
import { Context } from './run/context.ts'
import { withRulesFirst } from './run/documents.ts'
import type { Frame, Session } from './run/context.ts'
import { createProfiler } from './profile.ts'
import type { ProfiledLine, Profiler } from './profile.ts'
import { parseModule, parseQuery } from './syntax/parser.ts'
import type { Module, Version } from './syntax/ast.ts'
import { makeObject } from './values/operations.ts'
import { jsonLength, toJavaScript } from './values/text.ts'
import type { JavaScriptValue } from './values/text.ts'
import type { Value } from './values/value.ts'

export interface SourceFile {
  /** Its name in errors. */
  file: string
  source: string
}

/** A function of the host that policies can call by its name. */
export interface HostFunction {
  /** Kinds of its parameters: `string`, `array|set`, `any`… */
  args: readonly string[]
  result: string
  call: (...args: Value[]) => Value | undefined
}

export interface CompileOptions {
  /** Reads all modules as this version; by default each is v0 unless it says `import rego.v1` or parses as v1 only. */
  version?: Version
  functions?: Readonly<Record<string, HostFunction>>
}

export interface EvaluateOptions {
  /** A query; its last expression's value is the result. */
  query: string
  /** A JSON value. It is used without being copied, and must not change during the evaluation. */
  input?: unknown
  /** Base data: the contents of `data` besides the rules. */
  data?: unknown
  limits?: Partial<Limits>
  /** Errors of built-ins stop the evaluation; otherwise their calls are undefined. */
  strict?: boolean
  /** Milliseconds since 1970 that `time.now_ns` returns; by default, now. */
  now?: number
  /** Seeds random built-ins; by default, random. */
  seed?: string
  /** Receives the output of `print`. */
  print?: (text: string) => void
  /** Whether to explain the result: which expressions of which rules failed. */
  explain?: boolean
  /** Whether to count the evaluations of each expression. Not together with `explain`. */
  profile?: boolean
}

export interface QueryResult {
  /** Variables of the query. */
  readonly bindings: { readonly [name: string]: JavaScriptValue }
  /** Values of its expressions. */
  readonly values: readonly JavaScriptValue[]
}

export interface Outcome {
  /** The value of the query's last expression in its first solution; undefined if there is none. */
  readonly result: JavaScriptValue | undefined
  readonly results: readonly QueryResult[]
  readonly steps: number
  readonly milliseconds: number
  /** With `explain`: the rules that were consulted. */
  readonly explanation: readonly Explanation[]
  /** With `profile`: each line on which an expression of a rule begins. */
  readonly profile: readonly ProfiledLine[]
}

/** Queries that stay compiled. */
const MAX_QUERIES = 64
const NANOSECONDS = 1_000_000n

/**
 * Compiled modules, which can be evaluated any number of times, from one thread at a time.
 *
 * @example
 * const policy: Policy = compile([{ file: 'sizes.rego', source: 'package sizes\n\nlarge[x] { x := input[_]; x > 10 }' }])
 * policy.evaluate({ query: 'data.sizes.large', input: [5, 20, 30] }).result // → [20, 30]
 */
export class Policy {
  readonly modules: readonly Module[]
  private readonly specs: ReadonlyMap<string, BuiltinSpec>
  private readonly program: Program
  private readonly queries = new Map<string, CompiledQuery>()
  private profiled: { profiler: Profiler; program: Program } | undefined

  constructor(modules: readonly Module[], specs: ReadonlyMap<string, BuiltinSpec>) {
    this.modules = modules
    this.specs = specs
    this.program = compileModules(modules, specs)
  }

  /** What is allowed in the modules, but probably not meant. */
  get warnings(): readonly Warning[] {
    return this.program.warnings
  }

  /**
   * Evaluates a query. Throws RegoError where the query is wrong, EvaluationError where the policy contradicts itself (or, with `strict`, a
   * built-in fails), LimitError where it exceeds a limit.
   */
  evaluate(options: EvaluateOptions): Outcome {
    const started = performance.now()
    const limits = { ...DEFAULT_LIMITS, ...options.limits }
    const explainer = options.explain ? createExplainer() : undefined
    const profiled = options.profile ? this.profile() : undefined
    const program = explainer ? compileModules(this.modules, this.specs, explainer.watcher) : (profiled?.program ?? this.program)
    const query = explainer || profiled ? compileQuery(program, options.query) : this.query(options.query)
    const budget = new Budget(limits)
    let { seed } = options
    const session: Session = {
      budget,
      root: program.root,
      strict: options.strict ?? false,
      now: options.now === undefined ? BigInt(Date.now()) * NANOSECONDS : BigInt(Math.round(options.now * 1000)) * 1000n,
      get seed() {
        return (seed ??= randomBytes(16).toString('hex'))
      },
      memory: new Map(),
      print: options.print ?? ignorePrint,
    }
    const data = options.data === undefined ? makeObject([]) : (options.data as Value)
    const context = new Context(session, options.input as Value | undefined, data, undefined, undefined, undefined)
    const results = underBudget(budget, () => guarded(() => query.run(context, limits), limits))
    const last = results[0]?.values.at(-1)
    const milliseconds = performance.now() - started
    return {
      result: last,
      results,
      steps: Math.ceil(budget.steps),
      milliseconds,
      explanation: explainer?.finish() ?? [],
      profile: profiled?.profiler.lines() ?? [],
    }
  }

  /** The program that counts, made once. */
  private profile(): { profiler: Profiler; program: Program } {
    if (!this.profiled) {
      const profiler = createProfiler()
      this.profiled = { profiler, program: compileModules(this.modules, this.specs, profiler.watcher) }
    }
    this.profiled.profiler.reset()
    return this.profiled
  }

  private query(text: string): CompiledQuery {
    const known = this.queries.get(text)
    if (known) return known
    const made = compileQuery(this.program, text)
    const [oldest] = this.queries.keys()
    if (this.queries.size >= MAX_QUERIES && oldest !== undefined) this.queries.delete(oldest)
    this.queries.set(text, made)
    return made
  }
}

function ignorePrint(): void {
  // The caller did not ask for the policy's output.
}

/**
 * Compiles source files that belong together. Throws RegoError.
 *
 * @example
 * const policy = compile([{ file: 'host.rego', source: 'package host\n\nallow { input.pcr == 7 }' }])
 * policy.evaluate({ query: 'data.host.allow', input: { pcr: 7 } }).result // → true
 * compile([{ file: 'bad.rego', source: 'package host\n\nallow { x }' }]) // throws RegoError
 */
export function compile(sources: readonly SourceFile[], options: CompileOptions = {}): Policy {
  return compileParsed(
    sources.map((source) => parseModule(source, options.version)),
    options.functions,
  )
}

/**
 * Compiles modules that were parsed before. Throws RegoError.
 *
 * @example
 * const module = parseModule({ file: 'sum.rego', source: 'package sum\n\ntotal := sum(input)' })
 * compileParsed([module]).evaluate({ query: 'data.sum.total', input: [1, 2] }).result // → 3
 */
export function compileParsed(modules: readonly Module[], functions?: CompileOptions['functions']): Policy {
  return new Policy(modules, withHostFunctions(functions))
}

function withHostFunctions(functions: CompileOptions['functions']): ReadonlyMap<string, BuiltinSpec> {
  if (functions === undefined) return BUILTINS
  const specs = new Map(BUILTINS)
  for (const [name, { args, result, call }] of Object.entries(functions))
    specs.set(name, { name, args, result, call: (values) => call(...values) })
  return specs
}

/** A stack overflow means that the policy is nested too deeply. */
function guarded<T>(work: () => T, limits: Limits): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError) {
      // Strings, arrays and integers beyond what the engine can hold are RangeErrors too.
      const limit = /call stack/.test(error.message) ? 'depth' : 'memory'
      throw new LimitError(limit, limits[limit])
    }
    if (error instanceof TypeError && /input/.test(error.message)) throw new EvaluationError('eval_type_error', error.message)
    throw error
  }
}

interface CompiledQuery {
  run(context: Context, limits: Limits): QueryResult[]
}

function compileQuery(program: Program, text: string): CompiledQuery {
  const source = { file: 'query', source: text }
  const coded = program.query(source, parseQuery(source))
  const { coder, body } = coded
  const { values } = coded
  const collector = coder.fresh()
  const run = body.link((f) => {
    const found = values.map((slot) => (slot === undefined ? true : f[slot]!))
    const bindings = makeObject(coded.variables.map(({ name, slot }) => [name, f[slot]!]))
    ;(f[collector] as unknown as Value[]).push([bindings, found])
    return false
  })
  return {
    run(context, limits) {
      const solutions = withRulesFirst(context, () => {
        const f: Frame = new Array(coder.size)
        const found: Value[] = []
        f[collector] = found
        run(f, context)
        return found
      })
      if (jsonLength(solutions, limits.resultBytes) > limits.resultBytes) throw new LimitError('resultBytes', limits.resultBytes)
      return solutions.map((solution) => {
        const [bindings, found] = toJavaScript(solution) as [QueryResult['bindings'], JavaScriptValue[]]
        return { bindings, values: found }
      })
    },
  }
}
