/** Modules and queries. */
import { RegoError } from '../errors.ts'
import type { Expr, Import, Module, Rule, Version } from './ast.ts'
import { Cursor, FUTURE_KEYWORDS, OPERATORS, V1_KEYWORDS } from './cursor.ts'
import type { Keyword } from './cursor.ts'
import { tokenize } from './lexer.ts'
import { parseRule } from './rules.ts'
import { errorAt } from './source.ts'
import type { Source } from './source.ts'
import { parseBody, parseTerm } from './terms.ts'

/** Longest source that is parsed, in UTF-16 units. */
const MAX_SOURCE = 4 * 1024 * 1024

/**
 * Parses a module. Without `version` it is read as v0 unless it says `import rego.v1`; where that fails, as v1; where that fails too, both
 * errors are reported. Throws RegoError with the code rego_parse_error.
 *
 * @example
 * parseModule({ file: 'a.rego', source: 'package a.b\n\np { true }' }).version // → 'v0'
 */
export function parseModule(source: Source, version?: Version): Module {
  if (version) return parseAs(source, version)
  try {
    return parseAs(source, 'v0')
  } catch (error) {
    if (!(error instanceof RegoError)) throw error
    try {
      return parseAs(source, 'v1')
    } catch (other) {
      if (!(other instanceof RegoError)) throw other
      if (other.message === error.message) throw error
      const label = (from: RegoError, as: string) => from.faults.map((fault) => ({ ...fault, message: `${fault.message} (read as ${as})` }))
      throw new RegoError([...label(error, 'v0'), ...label(other, 'v1')])
    }
  }
}

/** Parses the body of a query, in v1 with all keywords. Throws RegoError. */
export function parseQuery(source: Source): Expr[] {
  return guarded(source, () => {
    const c = new Cursor(source, tokenize(source).tokens, 'v1', new Set(V1_KEYWORDS), { count: 0 })
    const body = parseBody(c)
    if (body.length === 0) throw c.unexpected('expected a query')
    return body
  })
}

function parseAs(source: Source, version: Version): Module {
  return guarded(source, () => {
    const { tokens, comments } = tokenize(source)
    const c = new Cursor(source, tokens, version, new Set(version === 'v1' ? V1_KEYWORDS : []), { count: 0 })
    if (!c.isWord('package')) throw c.unexpected('package expected')
    const packageAt = c.next().at
    const path = parsePath(c)
    const imports: Import[] = []
    while (c.isWord('import') && !c.isReferenced) imports.push(parseImport(c))
    const rules: Rule[] = []
    while (c.token.type !== 'end') {
      if (c.isWord('import') && !c.isReferenced) {
        imports.push(parseImport(c))
        continue
      }
      if (!c.token.newline && c.index > 0 && rules.length > 0 && !c.accept(';')) throw c.unexpected('expected a new line')
      rules.push(...parseRule(c))
    }
    return {
      ...source,
      version: c.version,
      package: path,
      packageAt,
      imports,
      operators: OPERATORS.filter((word) => c.keywords.has(word)),
      rules,
      comments,
    }
  })
}

function parsePath(c: Cursor): string[] {
  const term = parseTerm(c)
  if (term.type === 'var' && !term.name.startsWith('$')) return [term.name]
  if (term.type === 'ref' && term.head.type === 'var') {
    const path = term.path.map((key) => (key.type === 'scalar' && typeof key.value === 'string' ? key.value : undefined))
    if (!path.includes(undefined)) return [term.head.name, ...(path as string[])]
  }
  throw c.fail('a path must consist of names and strings', term.at)
}

function parseImport(c: Cursor): Import {
  const { at } = c.next()
  const path = parsePath(c)
  let alias: string | undefined
  if (c.isWord('as')) {
    c.next()
    const name = c.next()
    if (name.type !== 'name') throw c.fail('expected a name after as', name.at)
    alias = name.text
  }
  const [root, second, third, ...more] = path
  if (root === 'rego') {
    if ((second !== 'v1' && second !== 'v2') || path.length !== 2)
      throw c.fail('invalid import `rego…`: must be `rego.v1` or `rego.v2`', at)
    if (alias) throw c.fail('`rego` imports cannot be aliased', at)
    c.version = 'v1'
    for (const keyword of second === 'v1' ? V1_KEYWORDS : FUTURE_KEYWORDS) c.keywords.add(keyword)
  } else if (root === 'future') {
    const keyword = third as Keyword | undefined
    if (second !== 'keywords' || more.length > 0 || (keyword && !FUTURE_KEYWORDS.includes(keyword)))
      throw c.fail(`unexpected keyword, must be one of ${FUTURE_KEYWORDS.join(', ')}`, at)
    if (alias) throw c.fail('`future` imports cannot be aliased', at)
    for (const each of keyword ? [keyword] : FUTURE_KEYWORDS) c.keywords.add(each)
    // `every` needs `in`.
    if (keyword === 'every') c.keywords.add('in')
  } else if (root !== 'data' && root !== 'input') {
    throw c.fail(`unexpected import path, must begin with one of: {data, future, input, rego}, got: ${root}`, at)
  }
  return { path, alias, at, end: c.lastEnd }
}

/** Refuses endless sources, and turns exhausted stacks into errors. */
function guarded<T>(source: Source, parse: () => T): T {
  if (source.source.length > MAX_SOURCE) throw errorAt(source, 'rego_parse_error', 'the source is too long', 0)
  try {
    return parse()
  } catch (error) {
    if (error instanceof RangeError) throw errorAt(source, 'rego_parse_error', 'the source is nested too deeply', 0)
    throw error
  }
}
