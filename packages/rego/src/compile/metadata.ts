/**
 * Annotations: YAML in comments that begin with `# METADATA`, about the rule below them, its document, its package, or that and the packages
 * below it.
 */
import { readYaml } from '../builtins/yaml-read.ts'
import { spend } from '../run/budget.ts'
import type { Module, Rule } from '../syntax/ast.ts'
import { makeObject, objectGet, sortedEntries } from '../values/operations.ts'
import { isArray, isObject } from '../values/value.ts'
import type { Value } from '../values/value.ts'
import { ruleName } from './names.ts'

export interface RuleMetadata {
  /** Annotations of the rule itself; an empty object where there are none. */
  readonly rule: Value
  /** `{path, annotations}` of the rule, then of what is around it: its document, its package, and packages above. */
  readonly chain: readonly Value[]
}

type Scope = 'rule' | 'document' | 'package' | 'subpackages'

interface Annotations {
  at: number
  value: Value
  scope: Scope
}

export const NO_METADATA: RuleMetadata = { rule: makeObject([]), chain: [] }

/** What the annotations of all modules say. */
export class MetadataIndex {
  private readonly rules = new Map<Rule, Value>()
  /** By the dotted path of a document or a package. */
  private readonly documents = new Map<string, Value[]>()
  private readonly packages = new Map<string, Value[]>()
  private readonly subpackages = new Map<string, Value[]>()

  /** Reads all annotations; `refuse` is told where they are not YAML. */
  constructor(modules: readonly Module[], refuse: (module: Module, message: string, at: number) => void) {
    for (const module of modules) {
      const found = annotationsOf(module, (message, at) => refuse(module, message, at))
      let next = 0
      for (const { at, value, scope } of found) {
        if (scope === 'package') push(this.packages, module.package.join('.'), value)
        else if (scope === 'subpackages') push(this.subpackages, module.package.join('.'), value)
        else {
          while (next < module.rules.length && module.rules[next]!.at < at) next++
          const rule = module.rules[next]
          if (!rule) continue
          if (scope === 'rule') this.rules.set(rule, value)
          else push(this.documents, [...module.package, ruleName(rule.ref)].join('.'), value)
        }
      }
    }
  }

  /** What is said about the rule at an offset of a module. */
  at(module: Module, offset: number): RuleMetadata {
    const rule = ruleAt(module.rules, offset)
    if (!rule) return NO_METADATA
    const path = [...module.package, ruleName(rule.ref)]
    const own = this.rules.get(rule)
    const chain = [entry(path, own)]
    const add = (where: readonly string[], from: Map<string, Value[]>): void => {
      for (const value of from.get(where.join('.')) ?? []) chain.push(entry(where, value))
    }
    add(path, this.documents)
    add(module.package, this.packages)
    for (let length = module.package.length; length > 0; length--) add(module.package.slice(0, length), this.subpackages)
    return { rule: own ?? NO_METADATA.rule, chain }
  }
}

function push(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}

/** The last rule that begins before an offset, where it has not ended. */
function ruleAt(rules: readonly Rule[], offset: number): Rule | undefined {
  let [low, high] = [0, rules.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (rules[middle]!.at <= offset) low = middle + 1
    else high = middle
  }
  const rule = rules[low - 1]
  return rule && offset <= rule.end ? rule : undefined
}

function entry(path: readonly string[], annotations: Value | undefined): Value {
  return makeObject([['path', path], ...(annotations === undefined ? [] : ([['annotations', annotations]] as [string, Value][]))])
}

const BLANK_LINE_END = /\r?\n[ \t]*/y

/** Blocks of comments on lines that follow one another, from a line that says METADATA. */
function annotationsOf(module: Module, refuse: (message: string, at: number) => void): Annotations[] {
  const found: Annotations[] = []
  const { comments, source } = module
  for (let i = 0; i < comments.length; i++) {
    const start = comments[i]!
    if (start.text.trim() !== 'METADATA') continue
    const lines: string[] = []
    for (let end = start.at + start.text.length + 1; i + 1 < comments.length; i++) {
      spend(1)
      const next = comments[i + 1]!
      BLANK_LINE_END.lastIndex = end
      if (!BLANK_LINE_END.test(source) || BLANK_LINE_END.lastIndex !== next.at) break
      lines.push(next.text.replace(/^ /, ''))
      end = next.at + next.text.length + 1
    }
    const value = parse(lines.join('\n'), (message) => refuse(message, start.at))
    if (value === undefined || !isObject(value)) continue
    const said = objectGet(value, 'scope')
    const scope = typeof said === 'string' ? (said as Scope) : start.at < module.packageAt ? 'package' : 'rule'
    found.push({ at: start.at, value: normalized(value, scope), scope })
  }
  return found
}

/** With the scope, which need not be said, and with authors and resources as objects, however they are written. */
function normalized(value: Parameters<typeof sortedEntries>[0], scope: Scope): Value {
  const entries = sortedEntries(value).map(([key, item]): readonly [Value, Value] => {
    if (key === 'authors' && isArray(item)) return [key, item.map(authorOf)]
    if (key === 'related_resources' && isArray(item))
      return [key, item.map((each) => (typeof each === 'string' ? makeObject([['ref', each]]) : each))]
    return [key, item]
  })
  return makeObject([...entries, ['scope', scope]])
}

/** `Name <address>`. */
function authorOf(author: Value): Value {
  if (typeof author !== 'string') return author
  const [, name = '', email] = /^\s*(.*?)\s*(?:<([^<>]*)>)?\s*$/s.exec(author.slice(0, 1000)) ?? []
  return makeObject([...(name === '' ? [] : [['name', name] as const]), ...(email === undefined ? [] : [['email', email] as const])])
}

function parse(text: string, refuse: (message: string) => void): Value | undefined {
  try {
    return readYaml(text)
  } catch (error) {
    if ((error as Error).name === 'LimitError') throw error
    refuse(`yaml: ${(error as Error).message.split('\n')[0]!}`)
    return undefined
  }
}
