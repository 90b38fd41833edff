// Policies in Rego: checking, evaluating and testing them on this machine, without a server.
import {
  compile,
  compileParsed,
  EvaluationError,
  faultText,
  LimitError,
  parseModule,
  printModule,
  RegoError,
  runTests,
} from '@vouchsafe/rego'
import type { EvaluateOptions, Fault, JavaScriptValue, Module, Outcome as Evaluation, Policy } from '@vouchsafe/rego'
import { UsageError, printable } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { command } from '../command.ts'
import type { Host } from '../command.ts'
import { time, timingText } from '../policies/bench.ts'
import { readJson, readSources, replaceSource, VERSION_OPTIONS, versionOf } from '../policies/sources.ts'
import type { VersionValues } from '../policies/sources.ts'
import { testOutcome } from '../policies/test-report.ts'

const DEFAULT_QUERY = 'data.verification.result'

const EVALUATION_OPTIONS = {
  policy: {
    type: 'string',
    value: 'FILE',
    summary: 'a policy, or a folder of them; give others as further options or arguments',
    multiple: true,
  },
  input: { type: 'string', value: 'FILE', summary: 'the input, JSON (- for standard input)' },
  data: { type: 'string', value: 'FILE', summary: 'base data, a JSON object' },
  query: { type: 'string', value: 'QUERY', summary: `what to evaluate (default: ${DEFAULT_QUERY})` },
  strict: { type: 'boolean', summary: 'stop at errors in built-in functions (default: their calls are undefined)' },
  ...VERSION_OPTIONS,
} as const

interface EvaluationValues extends VersionValues {
  policy?: string[]
  input?: string
  data?: string
  query?: string
  strict?: boolean
}

export const policyCommands = [
  command({
    name: 'policy check',
    args: ['FILE', '[FILE…]'],
    summary: 'Compile policies, files or folders; exits 0 if they are sound, otherwise 1 with the faults and their positions',
    options: VERSION_OPTIONS,
    run: (_host, files, values) =>
      reporting(async () => {
        const policy = await compileFiles(files, values)
        const warnings = policy.warnings.map(({ code, message, location: { file, row, column }, excerpt }) => ({
          code,
          message,
          file,
          row,
          column,
          excerpt,
        }))
        const told = policy.warnings.map((warning) => `${lines(faultText(warning))}\n`).join('')
        return { json: { ok: true, modules: policy.modules.map(({ file }) => file), warnings }, text: `${told}ok\n` }
      }),
  }),
  command({
    name: 'policy fmt',
    args: ['FILE', '[FILE…]'],
    summary: 'Print policies, files or folders, in one style; comments are kept',
    options: {
      write: { type: 'boolean', short: 'w', summary: 'write the files instead' },
      check: { type: 'boolean', summary: 'print the names of files that are in another style; exits 1 if there are any' },
      ...VERSION_OPTIONS,
    },
    run: (_host, paths, values) =>
      reporting(async () => {
        const { write = false, check = false } = values
        if (write && check) throw new UsageError('--write and --check exclude each other')
        const sources = await readSources(paths)
        const version = versionOf(values)
        const files = sources.map((source) => ({ ...source, formatted: printModule(parseModule(source, version)) }))
        const changed = files.filter(({ source, formatted }) => source !== formatted)
        if (write) for (const { file, formatted } of changed) await replaceSource(file, formatted)
        const names = changed.map(({ file }) => file)
        const text =
          write || check ? names.map((name) => `${printable(name)}\n`).join('') : files.map(({ formatted }) => formatted).join('\n')
        const json = { changed: names, ...(!write && !check && { files: files.map(({ file, formatted }) => ({ file, formatted })) }) }
        return { json, text, exitCode: check && changed.length > 0 ? 1 : 0 }
      }),
  }),
  command({
    name: 'policy eval',
    args: ['[FILE…]'],
    summary: 'Evaluate a policy on an input; prints JSON: result, steps, milliseconds',
    options: {
      ...EVALUATION_OPTIONS,
      explain: { type: 'boolean', summary: 'show which expressions of which rules failed, with the values they saw' },
      profile: { type: 'boolean', summary: 'show how often each line was evaluated, and the steps that it took' },
    },
    run: (host, files, values) =>
      reporting(async () => {
        const { explain = false, profile = false } = values
        if (explain && profile) throw new UsageError('--explain and --profile exclude each other')
        const { policy, options } = await readEvaluation(host, files, values)
        const print = (text: string): void => void host.stderr.write(`${printable(text)}\n`)
        return evaluationOutcome(policy.evaluate({ ...options, explain, profile, print }), explain, profile)
      }),
  }),
  command({
    name: 'policy bench',
    args: ['[FILE…]'],
    summary: 'Time the evaluation of a policy on an input, and compiling it',
    options: EVALUATION_OPTIONS,
    run: (host, files, values) =>
      reporting(async () => {
        const { policy, options, modules } = await readEvaluation(host, files, values)
        const { steps } = policy.evaluate(options)
        const timings = { compile: time(() => compileParsed(modules)), evaluate: time(() => policy.evaluate(options)) }
        const text = `${timingText('compile', timings.compile)}\n${timingText('evaluate', timings.evaluate)}\nsteps: ${steps}\n`
        return { json: { ...timings, steps }, text }
      }),
  }),
  command({
    name: 'policy test',
    args: ['FILE', '[FILE…]'],
    summary: 'Run the rules named test_… in files or folders; exits 0 if all of them are true, otherwise 1',
    options: {
      run: { type: 'string', value: 'REGEX', summary: 'run only the tests whose names match, such as data.host.test_allow' },
      verbose: { type: 'boolean', short: 'v', summary: 'show every test with its time, and everything that failed' },
      coverage: { type: 'boolean', summary: 'show which lines no test evaluates' },
      bench: { type: 'boolean', summary: 'time the tests that pass' },
      ...VERSION_OPTIONS,
    },
    run: (host, paths, values) =>
      reporting(async () => {
        const modules = await parseFiles(paths, values)
        const { coverage = false, verbose = false } = values
        const options = { now: host.now(), coverage, ...(values.run !== undefined && { run: pattern(values.run) }) }
        const { tests, lines } = runTests(modules, options)
        if (!values.bench) return testOutcome(tests, coverage ? lines : undefined, verbose)
        const timings = tests
          .filter(({ outcome }) => outcome === 'passed')
          .map(({ name }) => {
            const only = new RegExp(`^${name.replace(/[^\w]/g, '\\$&')}$`)
            return { name, ...timeTest(modules, { ...options, run: only }) }
          })
        const text = timings.map((each) => `${printable(timingText(each.name, each))}\n`).join('')
        return { json: { tests: timings }, text, exitCode: tests.some(({ outcome }) => outcome === 'failed') ? 1 : 0 }
      }),
  }),
]

/** The time of a test's evaluation; its modules are compiled once a run, which is not counted. */
function timeTest(
  modules: readonly Module[],
  options: Parameters<typeof runTests>[1],
): { runs: number; mean: number; median: number; p99: number } {
  const times: number[] = []
  time(() => times.push(runTests(modules, options).tests[0]!.milliseconds))
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))]!
  return { runs: times.length, mean: times.reduce((sum, each) => sum + each, 0) / times.length, median: at(0.5), p99: at(0.99) }
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch {
    throw new UsageError('--run: this is no regular expression')
  }
}

async function parseFiles(paths: readonly string[], values: VersionValues): Promise<Module[]> {
  const version = versionOf(values)
  return (await readSources(paths)).map((source) => parseModule(source, version))
}

async function compileFiles(paths: readonly string[], values: VersionValues): Promise<Policy> {
  const version = versionOf(values)
  return compile(await readSources(paths), version === undefined ? {} : { version })
}

async function readEvaluation(
  host: Host,
  files: readonly string[],
  values: EvaluationValues,
): Promise<{ policy: Policy; modules: Module[]; options: EvaluateOptions }> {
  const paths = [...(values.policy ?? []), ...files]
  if (paths.length === 0) throw new UsageError('--policy FILE is missing')
  const modules = await parseFiles(paths, values)
  const policy = compileParsed(modules)
  const input = values.input === undefined ? undefined : await readJson(host, values.input)
  const data = values.data === undefined ? undefined : await readJson(host, values.data)
  return {
    policy,
    modules,
    options: { query: values.query ?? DEFAULT_QUERY, input, data, now: host.now(), strict: values.strict ?? false },
  }
}

/** What is wrong with a policy is a result, over several lines, and not a failure of the command. */
async function reporting(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RegoError) return faultOutcome(error.faults)
    if (error instanceof EvaluationError) {
      const { code, message, location } = error
      return faultOutcome([{ code, message, location, excerpt: '' }])
    }
    if (error instanceof LimitError)
      return { json: { ok: false, limit: error.limit, message: error.message }, text: `${error.message}\n`, exitCode: 1 }
    throw error
  }
}

function faultOutcome(faults: readonly Fault[]): Outcome {
  const errors = faults.map(({ code, message, location, excerpt }) => ({
    code,
    message,
    ...(location && { file: location.file, row: location.row, column: location.column }),
    excerpt,
  }))
  return { json: { ok: false, errors }, text: `${faults.map((fault) => lines(faultText(fault))).join('\n')}\n`, exitCode: 1 }
}

/** Text from elsewhere, whose lines stay lines. */
function lines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/^\t*/, (tabs) => '  '.repeat(tabs.length)))
    .map(printable)
    .join('\n')
}

function evaluationOutcome({ result, steps, milliseconds, ...more }: Evaluation, explain: boolean, profile: boolean): Outcome {
  const json = {
    ...(result !== undefined && { result: exactJson(result) }),
    steps,
    milliseconds: Math.round(milliseconds * 1000) / 1000,
    ...(explain && { explanation: more.explanation }),
    ...(profile && { profile: more.profile }),
  }
  return { json, text: `${JSON.stringify(json, null, 2)}\n` }
}

/** A value that JSON.stringify writes in full: long integers too. */
function exactJson(value: JavaScriptValue): unknown {
  if (typeof value === 'bigint') return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString())
  if (Array.isArray(value)) return value.map(exactJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, exactJson(item)]))
}
