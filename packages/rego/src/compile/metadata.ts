/** Annotations: YAML in comments that begin with `# METADATA`, about the rule below them, its document or its package. */
import { readYaml } from '../builtins/encoding.ts'
import type { Module, Rule } from '../syntax/ast.ts'
import { makeObject, objectGet } from '../values/operations.ts'
import { isObject } from '../values/value.ts'
import type { Value } from '../values/value.ts'
import { ruleName } from './names.ts'

export interface RuleMetadata {
  /** Annotations of the rule itself; an empty object where there are none. */
  readonly rule: Value
  /** `{path, annotations}` of the rule, then what is around it. */
  readonly chain: readonly Value[]
}

interface Annotations {
  at: number
  value: Value
  scope: string
}

const known = new WeakMap<Module, Annotations[]>()

/** What annotations say about the rule at an offset; `refuse` is told where they are not YAML. */
export function metadataAt(module: Module, at: number, refuse: (message: string) => void): RuleMetadata {
  const rule = module.rules.findLast((each) => each.at <= at && at <= each.end)
  let all = known.get(module)
  if (!all) known.set(module, (all = annotationsOf(module, refuse)))
  const packagePath = ['data', ...module.package]
  if (!rule) return { rule: makeObject([]), chain: [] }
  const path = [...packagePath, ruleName(rule.ref)]
  const own = all.find((each) => each.scope === 'rule' && nextRule(module, each) === rule)
  const document = all.find((each) => each.scope === 'document' && sameName(nextRule(module, each), rule))
  const around = all.filter(({ scope }) => scope === 'package' || scope === 'subpackages')
  return {
    rule: own?.value ?? makeObject([]),
    chain: [
      entry(path, own?.value),
      ...(document ? [entry(path, document.value)] : []),
      ...around.map(({ value }) => entry(packagePath, value)),
    ],
  }
}

function entry(path: readonly string[], annotations: Value | undefined): Value {
  return makeObject([['path', path], ...(annotations === undefined ? [] : ([['annotations', annotations]] as [string, Value][]))])
}

function nextRule(module: Module, { at }: Annotations): Rule | undefined {
  return module.rules.find((rule) => rule.at > at)
}

function sameName(a: Rule | undefined, b: Rule): boolean {
  return a !== undefined && ruleName(a.ref) === ruleName(b.ref)
}

/** Blocks of comments on lines that follow one another, from a line that says METADATA. */
function annotationsOf(module: Module, refuse: (message: string) => void): Annotations[] {
  const found: Annotations[] = []
  const { comments, source } = module
  for (let i = 0; i < comments.length; i++) {
    const start = comments[i]!
    if (start.text.trim() !== 'METADATA') continue
    const lines: string[] = []
    for (let end = start.at + start.text.length + 1; i + 1 < comments.length; i++) {
      const next = comments[i + 1]!
      if (!/^\r?\n[ \t]*$/.test(source.slice(end, next.at))) break
      lines.push(next.text.replace(/^ /, ''))
      end = next.at + next.text.length + 1
    }
    const value = parse(lines.join('\n'), refuse)
    if (value === undefined) continue
    const scope = isObject(value) ? objectGet(value, 'scope') : undefined
    const isAbovePackage = start.at < module.packageAt
    found.push({ at: start.at, value, scope: typeof scope === 'string' ? scope : isAbovePackage ? 'package' : 'rule' })
  }
  return found
}

function parse(text: string, refuse: (message: string) => void): Value | undefined {
  try {
    return readYaml(text)
  } catch (error) {
    refuse(`yaml: ${(error as Error).message.split('\n')[0]!}`)
    return undefined
  }
}
