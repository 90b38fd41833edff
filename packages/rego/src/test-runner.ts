/**
 * Tests of policies: rules whose names begin with `test_`. Rules of one name are tests of their own, so that none hides another; the keys of
 * `test_x[name]` are cases of one test; those named `todo_test_` are skipped.
 */
import { EvaluationError, LimitError } from './errors.ts'
import { compileParsed } from './policy.ts'
import type { EvaluateOptions, Policy } from './policy.ts'
import type { ProfiledLine } from './profile.ts'
import type { Expr, Module, Rule, Term } from './syntax/ast.ts'
import { locate } from './syntax/source.ts'
import { jsonText } from './values/text.ts'
import type { JavaScriptValue } from './values/text.ts'
import type { Value } from './values/value.ts'

export interface TestCase {
  readonly name: string
  readonly passed: boolean
}

export interface TestResult {
  /** `data.package.test_name`, with `#01` and so on for further rules of the name. */
  readonly name: string
  readonly file: string
  readonly row: number
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it failed: an error, or the expressions that failed. */
  readonly reasons: readonly string[]
  /** The cases of `test_x[name]`. */
  readonly cases: readonly TestCase[]
  readonly milliseconds: number
  readonly steps: number
}

export interface TestOptions extends Pick<EvaluateOptions, 'data' | 'limits' | 'now' | 'print'> {
  /** Tests whose names this does not match are left out. */
  run?: RegExp
  /** Whether to count which lines the tests evaluate. */
  coverage?: boolean
}

interface Test {
  name: string
  query: string
  module: Module
  rule: Rule
  isSkipped: boolean
}

const CASE = 'internal.test_case'

/**
 * Runs the tests of modules. Throws RegoError where these don't compile.
 *
 * @example
 * const module = parseModule({ file: 'a_test.rego', source: 'package a\n\ntest_sum { 1 + 1 == 2 }' })
 * runTests([module]).tests.map(({ name, outcome }) => `${name} ${outcome}`) // → ['data.a.test_sum passed']
 */
export function runTests(modules: readonly Module[], options: TestOptions = {}): { tests: TestResult[]; lines: ProfiledLine[] } {
  const seen: Value[][] = []
  const tests: Test[] = []
  const counts = new Map<string, number>()
  const renamed = modules.map((module) => ({ ...module, rules: module.rules.map((rule, i) => asTest(module, rule, i, tests, counts)) }))
  const noteCase = (key: Value): Value => {
    seen.push(key as Value[])
    return true
  }
  const policy = compileParsed(renamed, { [CASE]: { args: ['array'], result: 'boolean', call: noteCase } })
  const lines = new Map<string, ProfiledLine>()
  const results = tests
    .filter(({ name }) => options.run?.test(name) ?? true)
    .map((test) => {
      if (test.isSkipped) return { ...placeOf(test), outcome: 'skipped' as const, reasons: [], cases: [], milliseconds: 0, steps: 0 }
      seen.length = 0
      return runTest(policy, test, seen, options, lines)
    })
  return { tests: results, lines: [...lines.values()] }
}

/** The rule with a name of its own if it is a test, which is noted. */
function asTest(module: Module, rule: Rule, index: number, tests: Test[], counts: Map<string, number>): Rule {
  const [head, ...keys] = rule.ref
  if (head?.type !== 'var' || !/^(?:todo_)?test_/.test(head.name) || rule.default || (rule.args?.length ?? 0) > 0) return rule
  const before = module.rules[index - 1]
  // `test_a { … } { … }` is one test.
  const isContinued = before !== undefined && before.at === rule.at
  const path = ['data', ...module.package, head.name]
  const full = path.join('.')
  const count = (counts.get(full) ?? 0) + (isContinued ? 0 : 1)
  counts.set(full, count)
  const suffix = count > 1 ? `#${String(count - 1).padStart(2, '0')}` : ''
  const variables = keys.filter((key) => key.type !== 'scalar')
  if (!isContinued) {
    const query = ['data', ...[...module.package, head.name + suffix].map((part) => `[${JSON.stringify(part)}]`)].join('')
    tests.push({ name: full + suffix, query, module, rule, isSkipped: head.name.startsWith('todo_') })
  }
  const ref: Term[] = [{ ...head, name: head.name + suffix }, ...keys]
  if (variables.length === 0) return { ...rule, ref }
  return { ...rule, ref, branches: rule.branches.map((branch) => ({ ...branch, body: notingCases(branch.body, keys) })) }
}

/** The body with a note of the case wherever its name may be known for the first time. */
function notingCases(body: readonly Expr[], keys: readonly Term[]): Expr[] {
  const note = ({ at, end }: Expr): Expr => {
    const names: Term = { type: 'array', items: [...keys], at, end }
    return { type: 'term', term: { type: 'call', name: CASE, args: [names], at, end }, negated: false, with: [], at, end }
  }
  return body.flatMap((expr) => [expr, note(expr)])
}

function placeOf({ name, module, rule }: Test): { name: string; file: string; row: number } {
  return { name, file: module.file, row: locate(module, rule.at).row }
}

function runTest(policy: Policy, test: Test, seen: readonly Value[][], options: TestOptions, lines: Map<string, ProfiledLine>): TestResult {
  const { run: _run, coverage = false, ...evaluation } = options
  const common = { ...evaluation, query: test.query }
  const place = placeOf(test)
  try {
    const { result, milliseconds, steps, profile } = policy.evaluate({ ...common, profile: coverage })
    for (const line of profile) {
      const key = `${line.row} ${line.file}`
      const { evaluations = 0, steps: before = 0 } = lines.get(key) ?? {}
      lines.set(key, { ...line, evaluations: evaluations + line.evaluations, steps: before + line.steps })
    }
    const cases = casesOf(result, seen)
    const passed = cases.length > 0 ? cases.every((each) => each.passed) : result === true
    const reasons = passed ? [] : reasonsOf(policy, common)
    return { ...place, outcome: passed ? 'passed' : 'failed', reasons, cases, milliseconds, steps }
  } catch (error) {
    if (!(error instanceof EvaluationError || error instanceof LimitError)) throw error
    return { ...place, outcome: 'failed', reasons: [error.message], cases: [], milliseconds: 0, steps: 0 }
  }
}

function reasonsOf(policy: Policy, options: EvaluateOptions): string[] {
  const { explanation } = policy.evaluate({ ...options, print: () => undefined, explain: true })
  return explanation.filter(({ outcome }) => outcome === 'failed').map(({ text }) => text)
}

/** The cases that were seen, each with what the rule says of it. */
function casesOf(result: JavaScriptValue | undefined, seen: readonly Value[][]): TestCase[] {
  const found = new Map<string, boolean>()
  for (const keys of seen) {
    let value: JavaScriptValue | undefined = result
    for (const key of keys) value = isRecord(value) ? value[textOf(key)] : undefined
    found.set(keys.map(textOf).join('/'), value === true)
  }
  return [...found].map(([name, passed]) => ({ name, passed }))
}

function textOf(key: Value): string {
  return typeof key === 'string' ? key : jsonText(key)
}

function isRecord(value: JavaScriptValue | undefined): value is { [name: string]: JavaScriptValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
