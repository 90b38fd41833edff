/**
 * Runs OPA's compliance cases, and the policies of the Global Trust Authority. The folder holds rego-vectors.tar.gz, or unpacked
 * `opa-compliance-v1/` and `gta/`; or it is that of OPA's Go module, whose `v1/test/cases/testdata` holds cases in v0 and in v1. Cases in v1
 * run twice: as they are written, and formatted from their syntax trees as v0.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { compile, EvaluationError, formatModule, LimitError, parseJson, parseModule, parseValue, RegoError } from '@vouchsafe/rego'
import type { SourceFile, Value, Version } from '@vouchsafe/rego'
import { runGta } from './rego-gta.ts'
import { readTarGz } from './tar.ts'
import type { TarFile } from './tar.ts'
import type { Tally } from './tally.ts'
import { isObject, objects } from './vector-files.ts'
import type { Json } from './vector-files.ts'

/** Where OPA's Go module keeps its cases. */
export const MODULE_CASES = 'v1/test/cases/testdata'
const CASES = /(?:opa-compliance-v1\/|\/testdata\/(v[01])\/).*\.(json|yaml)$/
const EXCLUDED = /\b(graphql\.\w+|providers\.aws\.\w+)/
/** Older cases whose answer OPA 1.22 has changed; the module has the new ones. */
const SUPERSEDED: ReadonlySet<string> = new Set(['reachable_paths/cycle_1022_3'])
/** Functions that OPA's own runner adds. */
const TEST_FUNCTIONS = { 'test.sleep': { args: ['string'], result: 'null', call: () => null } }

export async function runRego(folder: string, tally: Tally): Promise<void> {
  const files = await listFiles(folder)
  for (const { path, text } of files) {
    const [match, version = 'v1', format] = CASES.exec(path) ?? []
    if (match === undefined) continue
    for (const vector of objects({ cases: casesOf(text, format) }, 'cases')) runCase(path, vector, version as Version, tally)
  }
  runGta(files, tally)
}

function casesOf(text: string, format: string | undefined): unknown {
  const file: unknown = format === 'yaml' ? parseYaml(text, { schema: 'core', intAsBigInt: true, logLevel: 'error' }) : JSON.parse(text)
  return isObject(file) ? file['cases'] : []
}

async function listFiles(root: string): Promise<TarFile[]> {
  const folder = (await isModule(root)) ? join(root, MODULE_CASES) : root
  const names = await readdir(folder, { recursive: true, withFileTypes: true })
  const archive = names.find(({ name }) => name === 'rego-vectors.tar.gz')
  if (archive) return readTarGz(await readFile(join(folder, archive.name)))
  const files = names.filter((entry) => entry.isFile() && /\.(json|yaml|rego)$/.test(entry.name))
  return Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name)
      return { path, text: await readFile(path, 'utf8') }
    }),
  )
}

/** Whether a folder is that of OPA's Go module. */
export async function isModule(folder: string): Promise<boolean> {
  return readdir(join(folder, MODULE_CASES)).then(
    () => true,
    () => false,
  )
}

function runCase(path: string, vector: Json, version: Version, tally: Tally): void {
  const note = String(vector['note'])
  const sources = modulesOf(vector)
  const excluded = EXCLUDED.exec(`${String(vector['query'])} ${sources.map(({ source }) => source).join(' ')}`)
  const runs = version === 'v0' ? 1 : 2
  if (SUPERSEDED.has(note) && !path.includes('/testdata/')) return tally.skip('opa-compliance', 'OPA 1.22 has another answer', runs)
  if (excluded) return tally.skip('opa-compliance', `${excluded[1]!.split('.').slice(0, -1).join('.')} is not offered`, runs)
  const record = (problem: string | undefined, how: string): void => {
    if (problem === undefined) tally.pass()
    else tally.fail(path.replace(/.*\/(?=v[01]\/)|.*-v1\//, ''), `${note}${how}`, problem)
  }
  record(judge(vector, sources, version), '')
  if (version === 'v0') return
  if (sources.some(({ source }) => source.includes('# METADATA'))) tally.skip('opa-compliance', 'formatting for v0 drops annotations', 1)
  else record(judgeAsV0(vector, sources), ' (as v0)')
}

function modulesOf(vector: Json): SourceFile[] {
  const modules = vector['modules']
  return Array.isArray(modules) ? modules.map((source, i) => ({ file: `module-${i}.rego`, source: String(source) })) : []
}

function judgeAsV0(vector: Json, sources: readonly SourceFile[]): string | undefined {
  let older: SourceFile[]
  try {
    older = sources.map(({ file, source }) => ({ file, source: formatModule(parseModule({ file, source }, 'v1'), 'v0') }))
  } catch (error) {
    return `cannot be formatted: ${String(error)}`
  }
  return judge(vector, older, 'v0')
}

/** Why a case fails, or undefined. */
function judge(vector: Json, sources: readonly SourceFile[], version: Version): string | undefined {
  const wantedCode = vector['want_error_code']
  const wantsError = wantedCode !== undefined || vector['want_error'] !== undefined
  try {
    const policy = compile(sources, { version, functions: TEST_FUNCTIONS })
    const { results } = policy.evaluate({
      query: String(vector['query']),
      strict: vector['strict_error'] === true,
      data: parseJson(plainJson(vector['data'] ?? {})),
      limits: { milliseconds: 60_000 },
      ...inputOf(vector),
    })
    if (wantsError) return `expected ${String(wantedCode ?? vector['want_error'])}, got ${show(results)}`
    const wanted = vector['want_result']
    const bindings = results.map((result) => result.bindings)
    const sort = vector['sort_bindings'] === true
    return sameSolutions(bindings, wanted ?? [], sort) ? undefined : `expected ${show(wanted)}, got ${show(bindings)}`
  } catch (error) {
    if (!(error instanceof RegoError || error instanceof EvaluationError || error instanceof LimitError)) return (error as Error).stack
    const code = 'code' in error ? error.code : 'limit'
    if (!wantsError) return `unexpected ${code}: ${error.message}`
    // Cases without a code say it in the text.
    const expected = wantedCode ?? /\b(eval_\w+)/.exec(String(vector['want_error']))?.[1]
    return expected === code ? undefined : `expected ${String(expected)}, got ${code}: ${error.message}`
  }
}

function inputOf(vector: Json): { input?: Value } {
  if (vector['input_term'] !== undefined) return { input: parseValue(String(vector['input_term'])) }
  return vector['input'] === undefined ? {} : { input: parseJson(plainJson(vector['input'])) }
}

/** JSON in which integers of any length stay as they are. */
function plainJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'bigint' ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(item.toString()) : item,
  )
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)).slice(0, 300)
}

/** Whether the same solutions were found; the language does not say in which order. */
function sameSolutions(found: unknown, wanted: unknown, sort: boolean): boolean {
  const texts = (list: unknown): string[] => (Array.isArray(list) ? list.map((item) => canonical(item, sort)).sort() : [])
  return texts(found).join('\n') === texts(wanted).join('\n')
}

/** Equal text for equal results; with `sort`, whatever the order of lists is. */
function canonical(value: unknown, sort: boolean): string {
  if (typeof value === 'bigint') return String(Number(value))
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical(item, sort))
    return `[${(sort ? items.sort() : items).join()}]`
  }
  if (!isObject(value)) return JSON.stringify(value)
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${canonical(item, sort)}`)
  return `{${entries.sort().join()}}`
}
