/** Modules as source: formatting, and translating between the two syntaxes. Comments are not kept. */
import type { Expr, Module, Rule, RuleBody, Version } from './ast.ts'
import { exprText, keyText, termText } from './format-terms.ts'

/**
 * The module's source in a syntax, by default its own.
 *
 * @example
 * const module = parseModule({ file: 'a.rego', source: 'package a\nimport rego.v1\np   if {input.x==1}' })
 * formatModule(module) // → 'package a\n\nimport rego.v1\n\np if {\n\tinput.x == 1\n}\n'
 */
export function formatModule(module: Module, version: Version = module.version): string {
  const rules = module.rules.map((rule) => ruleText(rule, version))
  const imports = [
    ...keywordImports(version),
    ...module.operators.map((keyword) => `import future.keywords.${keyword}`),
    ...module.imports.filter(({ path }) => path[0] === 'data' || path[0] === 'input').map(importText),
  ]
  return `${[`package ${pathText(module.package)}`, imports.join('\n'), ...rules].filter((part) => part !== '').join('\n\n')}\n`
}

/** v0 with the words that v1 has anyway; `if` is left out, so that bodies stay in braces. */
function keywordImports(version: Version): string[] {
  if (version === 'v1') return ['import rego.v1']
  return ['contains', 'every', 'in'].map((keyword) => `import future.keywords.${keyword}`)
}

export function pathText([first = '', ...rest]: readonly string[]): string {
  return first + rest.map((value) => keyText({ type: 'scalar', value, at: 0, end: 0 })).join('')
}

export function importText({ path, alias }: { path: readonly string[]; alias: string | undefined }): string {
  return `import ${pathText(path)}${alias === undefined ? '' : ` as ${alias}`}`
}

function ruleText(rule: Rule, version: Version): string {
  const [first, ...others] = rule.branches
  const assign = version === 'v1' ? ':=' : '='
  if (rule.default) return `default ${headText(rule)} ${assign} ${termText(first!.value!)}`
  const head = headText(rule)
  const start = rule.member ? memberHead(rule, version) : valueHead(head, rule, first!, version)
  const parts = [start + blockText(first!.body, version), ...others.map((branch) => elseText(branch, version))]
  return parts.join(' ')
}

function headText({ ref, args }: Rule): string {
  const [name, ...path] = ref
  const text = termText(name!) + path.map(keyText).join('')
  return args ? `${text}(${args.map((arg) => termText(arg, 3)).join(', ')})` : text
}

/** `p contains x`; in v0 `p[x]` where the name has one part, as nothing else would be understood. */
function memberHead(rule: Rule, version: Version): string {
  const member = termText(rule.member!)
  if (version === 'v0' && rule.ref.length === 1) return `${headText(rule)}[${member}]`
  return `${headText(rule)} contains ${member}`
}

function valueHead(head: string, rule: Rule, { value, body }: RuleBody, version: Version): string {
  if (value) return `${head} ${version === 'v1' ? ':=' : '='} ${termText(value)}`
  // `p[x] { … }` would be a set in v0, and `p` alone nothing.
  const needsValue = body.length === 0 || (version === 'v0' && rule.ref.length > 1 && !rule.args)
  return needsValue ? `${head} ${version === 'v1' ? ':=' : '='} true` : head
}

function elseText({ value, body }: RuleBody, version: Version): string {
  const assign = version === 'v1' ? ':=' : '='
  return `else${value ? ` ${assign} ${termText(value)}` : ''}${blockText(body, version)}`
}

function blockText(body: readonly Expr[], version: Version): string {
  if (body.length === 0) return ''
  const lines = body.map(exprText).map((text, i, all) => {
    // A minus at the start of a line would go on with the line before.
    const separator = all[i + 1]?.startsWith('-') ? ';' : ''
    return `\t${text}${separator}\n`
  })
  return `${version === 'v1' ? ' if' : ''} {\n${lines.join('')}}`
}
