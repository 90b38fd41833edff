/** Rules: heads in both syntaxes, bodies and `else` branches. One rule of the source can be several, as `p { … } { … }` is. */
import type { Expr, Rule, RuleBody, Term } from './ast.ts'
import type { Cursor } from './cursor.ts'
import { kindOf } from '../values/value.ts'
import { attempt, parseBody, parseExpr, parseInfixTerm, parseTerm } from './terms.ts'

/** Parses one rule. */
export function parseRule(c: Cursor): Rule[] {
  const { at } = c.token
  const isDefault = c.isWord('default') && !c.isReferenced
  if (isDefault) c.next()
  const head = parseHead(c)
  const rule: Rule = { ...head, default: isDefault, branches: [], at, end: c.lastEnd }
  return isDefault ? [finishDefault(c, rule)] : finishRule(c, rule)
}

interface Head {
  ref: Term[]
  args: Term[] | undefined
  member: Term | undefined
  value: Term | undefined
  assign: ':=' | '=' | undefined
}

function parseHead(c: Cursor): Head {
  const { token } = c
  if (token.type !== 'name') throw c.unexpected('expected a rule')
  const name = parseTerm(c)
  const isCall = name.type === 'call'
  const ref = headRef(c, name)
  const head: Head = { ref, args: isCall ? name.args : undefined, member: undefined, value: undefined, assign: undefined }
  if (c.isKeyword('contains')) {
    if (isCall) throw c.unexpected('the contains keyword can only be used with multi-value rule definitions')
    c.next()
    head.member = parseInfixTerm(c)
  }
  if (c.isOp(':=') || c.isOp('=')) {
    if (head.member) throw c.unexpected('a rule with contains takes no value')
    head.assign = c.next().text as ':=' | '='
    head.value = parseInfixTerm(c)
  }
  return head
}

/** The terms of the reference that names a rule. */
function headRef(c: Cursor, name: Term): Term[] {
  if (name.type === 'var') {
    if (name.name.startsWith('$')) throw c.fail('rule name must not be a wildcard', name.at)
    return [name]
  }
  if (name.type === 'ref' && name.head.type === 'var') return [name.head, ...name.path]
  if (name.type === 'call') {
    const [first = '', ...rest] = name.name.split('.')
    const node = { at: name.at, end: name.end }
    return [{ type: 'var', name: first, ...node }, ...rest.map((value): Term => ({ type: 'scalar', value, ...node }))]
  }
  throw c.fail(`${name.type} cannot be used for rule name`, name.at)
}

function finishDefault(c: Cursor, { value, ...rule }: Rule & { value?: Term | undefined }): Rule {
  if (value === undefined) throw c.unexpected('default rules must have a value')
  if (rule.member) throw c.fail('default is not allowed on partial rules', rule.at)
  if (c.isOp('{') || c.isKeyword('if')) throw c.unexpected('default rules must not have a body')
  checkConstant(c, value, rule.at)
  checkDefaultArgs(c, rule.args ?? [], rule.at)
  if (rule.ref.some((term, i) => i > 0 && !(term.type === 'scalar'))) throw c.fail('default rules must have a constant name', rule.at)
  return { ...rule, branches: [{ value, body: [], at: rule.at, end: c.lastEnd }], end: c.lastEnd }
}

/** A default is the same whatever happens: comprehensions may say what it is, but no reference, call or variable outside of them. */
function checkConstant(c: Cursor, term: Term, at: number): void {
  switch (term.type) {
    case 'ref':
    case 'call':
    case 'var':
      throw c.fail(`illegal default rule (value cannot contain ${term.type})`, at)
    case 'array':
    case 'set':
      return term.items.forEach((item) => checkConstant(c, item, at))
    case 'object':
      return term.entries.flat().forEach((item) => checkConstant(c, item, at))
    default:
      return
  }
}

function checkDefaultArgs(c: Cursor, args: readonly Term[], at: number): void {
  const seen = new Set<string>()
  for (const arg of args) {
    const kind = arg.type === 'scalar' ? kindOf(arg.value) : arg.type
    if (arg.type !== 'var') throw c.fail(`illegal default rule (arguments cannot contain ${kind})`, at)
    if (seen.has(arg.name)) throw c.fail(`illegal default rule (arguments cannot be repeated ${arg.name})`, at)
    seen.add(arg.name)
  }
}

function finishRule(c: Cursor, rule: Rule & { value?: Term | undefined }): Rule[] {
  const { at, value, ...rest } = rule
  const hasValue = value !== undefined
  const hasIf = c.isKeyword('if')
  const body = parseRuleBody(c)
  const head = finishHead(c, { ...rest, at }, hasValue, hasIf, body !== undefined)
  const first: RuleBody = { value, body: body ?? [], at, end: c.lastEnd }
  const branches = [first]
  while (c.isWord('else') && !c.isReferenced) branches.push(parseElse(c, head))
  const result: Rule[] = [{ ...head, branches, end: c.lastEnd }]
  // Further bodies are rules of the same head.
  while (branches.length === 1 && body !== undefined && !hasIf && c.isOp('{')) {
    const more = parseRuleBody(c)!
    result.push({ ...head, branches: [{ value, body: more, at, end: c.lastEnd }], end: c.lastEnd })
  }
  return result
}

/** What a head means: in v0, `p[x]` without a value adds x to a set; in v1 it is a rule whose value is true. */
function finishHead(c: Cursor, rule: Rule, hasValue: boolean, hasIf: boolean, hasBody: boolean): Rule {
  const isStrict = c.version === 'v1'
  const last = rule.ref.at(-1)!
  const isBare = !rule.member && !hasValue && !rule.args
  if (isBare && !hasIf && rule.ref.length === 2 && !isStrict) return { ...rule, ref: rule.ref.slice(0, 1), member: last }
  if (isBare && !hasBody && rule.ref.length === 1) {
    const name = rule.ref[0]!.type === 'var' ? rule.ref[0].name : ''
    throw c.fail(`var cannot be used for rule name${hintFor(c, name)}`, rule.at)
  }
  if (isBare && !hasBody && isStrict) throw c.fail('rule must have a value assignment, a body, or both', rule.at)
  if (isStrict && hasBody && !hasIf) throw c.fail('`if` keyword is required before rule body', rule.at)
  return rule
}

function hintFor(c: Cursor, name: string): string {
  const isImport = c.token.type === 'name' && ['if', 'contains', 'in', 'every'].includes(c.token.text)
  if (isImport) return ` (hint: import future.keywords.${c.token.text}, or import rego.v1)`
  return name === 'else' ? ' (else without a rule)' : ''
}

/** `{ … }`, `if { … }` or `if expression`; undefined where there is none. */
function parseRuleBody(c: Cursor): Expr[] | undefined {
  if (c.isKeyword('if')) {
    c.next()
    const literal = attempt(c, () => {
      const opens = c.isOp('{')
      const expr = parseExpr(c)
      // `if { x }` is a body, although it could be a set.
      if (expr.type === 'term' && expr.term.type === 'set' && opens) throw c.unexpected('expected a body')
      return expr
    })
    if (literal) return [literal]
    if (!c.isOp('{')) return [parseExpr(c)]
  }
  if (!c.isOp('{')) return undefined
  c.next()
  const body = c.nested(() => parseBody(c, '}'))
  if (body.length === 0) throw c.unexpected('found empty body')
  c.expect('}')
  return body
}

function parseElse(c: Cursor, rule: Rule): RuleBody {
  const { at } = c.next()
  if (rule.member) throw c.fail('else keyword cannot be used on multi-value rules', at)
  let value: Term | undefined
  if (c.accept(':=') || c.accept('=')) value = parseInfixTerm(c)
  if (c.version === 'v1' && c.isOp('{')) throw c.fail('`if` keyword is required before else body', at)
  const body = parseRuleBody(c)
  if (!value && !body) throw c.unexpected('expected else value term or rule body')
  return { value, body: body ?? [], at, end: c.lastEnd }
}
