// Policies in Rego: checking, evaluating and testing them on this machine, without a server.
import { open } from 'node:fs/promises'
import { compile, EvaluationError, faultText, LimitError, parseJson, RegoError } from '@vouchsafe/rego'
import type { Fault, JavaScriptValue, Outcome as Evaluation, Policy, Version } from '@vouchsafe/rego'
import { CommandError, UsageError, printable } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import { command } from '../command.ts'
import type { Host } from '../command.ts'

const DEFAULT_QUERY = 'data.verification.result'
const MAX_POLICY_BYTES = 4 * 1024 * 1024
const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024

const VERSION_OPTIONS = {
  v0: { type: 'boolean', summary: 'read the policies in the old syntax (default: unless they say import rego.v1)' },
  v1: { type: 'boolean', summary: 'read the policies in the new syntax' },
} as const

interface VersionValues {
  v0?: boolean
  v1?: boolean
}

export const policyCommands = [
  command({
    name: 'policy check',
    args: ['FILE', '[FILE…]'],
    summary: 'Compile policies; exits 0 if they are sound, otherwise 1 with the faults and their positions',
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
    name: 'policy eval',
    args: ['[FILE…]'],
    summary: 'Evaluate a policy on an input; prints JSON: result, steps, milliseconds',
    options: {
      policy: { type: 'string', value: 'FILE', summary: 'a policy; give others as further options or arguments', multiple: true },
      input: { type: 'string', value: 'FILE', summary: 'the input, JSON (- for standard input)' },
      data: { type: 'string', value: 'FILE', summary: 'base data, a JSON object' },
      query: { type: 'string', value: 'QUERY', summary: `what to evaluate (default: ${DEFAULT_QUERY})` },
      explain: { type: 'boolean', summary: 'show which expressions of which rules failed, with the values they saw' },
      strict: { type: 'boolean', summary: 'stop at errors in built-in functions (default: their calls are undefined)' },
      ...VERSION_OPTIONS,
    },
    run: (host, files, values) =>
      reporting(async () => {
        const paths = [...(values.policy ?? []), ...files]
        if (paths.length === 0) throw new UsageError('--policy FILE is missing')
        const policy = await compileFiles(paths, values)
        const input = values.input === undefined ? undefined : await readJson(host, values.input)
        const data = values.data === undefined ? undefined : await readJson(host, values.data)
        const evaluation = policy.evaluate({
          query: values.query ?? DEFAULT_QUERY,
          input,
          data,
          now: host.now(),
          strict: values.strict ?? false,
          explain: values.explain ?? false,
          print: (text) => void host.stderr.write(`${printable(text)}\n`),
        })
        return evaluationOutcome(evaluation, values.explain ?? false)
      }),
  }),
  command({
    name: 'policy test',
    args: ['FILE', '[FILE…]'],
    summary: 'Run the rules named test_…; exits 0 if all of them are true, otherwise 1',
    options: VERSION_OPTIONS,
    run: (host, files, values) => reporting(async () => testOutcome(runTests(await compileFiles(files, values), host))),
  }),
]

function versionOf({ v0 = false, v1 = false }: VersionValues): Version | undefined {
  if (v0 && v1) throw new UsageError('--v0 and --v1 contradict each other')
  return v0 ? 'v0' : v1 ? 'v1' : undefined
}

async function compileFiles(files: readonly string[], values: VersionValues): Promise<Policy> {
  const version = versionOf(values)
  const sources = await Promise.all(files.map(async (file) => ({ file, source: (await readFile(file, MAX_POLICY_BYTES)).toString() })))
  return compile(sources, version === undefined ? {} : { version })
}

async function readFile(path: string, limit: number): Promise<Buffer> {
  await using file = await open(path)
  const { size } = await file.stat()
  if (size > limit) throw new CommandError(`${path} is too long: at most ${limit} bytes are read`)
  return await file.readFile()
}

async function readJson(host: Host, path: string): Promise<unknown> {
  const bytes = path === '-' ? await readStandardInput(host) : await readFile(path, MAX_DOCUMENT_BYTES)
  try {
    return parseJson(bytes.toString())
  } catch (error) {
    throw new CommandError(`${path} is not JSON: ${(error as Error).message}`)
  }
}

async function readStandardInput(host: Host): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of host.stdin) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    size += chunks.at(-1)!.length
    if (size > MAX_DOCUMENT_BYTES) throw new CommandError('the input is too long')
  }
  return Buffer.concat(chunks)
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

function evaluationOutcome({ result, steps, milliseconds, explanation }: Evaluation, explain: boolean): Outcome {
  const json = {
    ...(result !== undefined && { result: exactJson(result) }),
    steps,
    milliseconds: Math.round(milliseconds * 1000) / 1000,
    ...(explain && { explanation }),
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

interface TestResult {
  name: string
  passed: boolean
  /** Why it failed. */
  reasons: string[]
}

/** Evaluates every rule whose name begins with `test_`. */
function runTests(policy: Policy, host: Host): TestResult[] {
  const names = policy.modules.flatMap((module) =>
    module.rules.flatMap(({ ref: [name] }) => {
      const isTest = name?.type === 'var' && name.name.startsWith('test_')
      return isTest
        ? [['data', ...module.package, name.name].map((part, i) => (i === 0 ? part : `[${JSON.stringify(part)}]`)).join('')]
        : []
    }),
  )
  return [...new Set(names)].map((query) => {
    const name = query.replaceAll(/\["([^"]*)"\]/g, '.$1')
    try {
      const passed = policy.evaluate({ query, now: host.now() }).result === true
      if (passed) return { name, passed, reasons: [] }
      const { explanation } = policy.evaluate({ query, now: host.now(), explain: true })
      return { name, passed, reasons: explanation.filter(({ outcome }) => outcome === 'failed').map(({ text }) => text) }
    } catch (error) {
      if (!(error instanceof EvaluationError || error instanceof LimitError)) throw error
      return { name, passed: false, reasons: [error.message] }
    }
  })
}

function testOutcome(tests: readonly TestResult[]): Outcome {
  const failed = tests.filter(({ passed }) => !passed)
  const shown = failed.flatMap(({ name, reasons }) => [`${name}: FAIL`, ...reasons.map((reason) => `  ${reason}`)])
  const summary = `${tests.length - failed.length} passed, ${failed.length} failed`
  const text = [...shown, summary].map(printable).join('\n')
  return {
    json: { tests, passed: tests.length - failed.length, failed: failed.length },
    text: `${text}\n`,
    exitCode: failed.length > 0 ? 1 : 0,
  }
}
