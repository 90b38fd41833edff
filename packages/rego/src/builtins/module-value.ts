/** Syntax trees as values, in the form of OPA's JSON of them. */
import type { Expr, Module, Rule, Term } from '../syntax/ast.ts'
import { makeObject } from '../values/operations.ts'
import { kindOf } from '../values/value.ts'
import type { Value } from '../values/value.ts'

type Fields = [string, Value][]

const object = (fields: Fields): Value => makeObject(fields)

function typed(type: string, value: Value): Value {
  return object([
    ['type', type],
    ['value', value],
  ])
}

function pathRef(path: readonly string[]): Value {
  const [first = '', ...rest] = path
  return [typed('var', first), ...rest.map((name) => typed('string', name))]
}

/** A module: its package, imports and rules. */
export function moduleValue(module: Module): Value {
  const imports = module.imports.map(({ path, alias }) =>
    object([['path', typed('ref', pathRef(path))], ...(alias === undefined ? [] : ([['alias', alias]] as Fields))]),
  )
  return object([
    ['package', object([['path', pathRef(['data', ...module.package])]])],
    ...(imports.length === 0 ? [] : ([['imports', imports]] as Fields)),
    ...(module.rules.length === 0 ? [] : ([['rules', module.rules.map(ruleValue)]] as Fields)),
  ])
}

function ruleValue(rule: Rule): Value {
  const [first, ...others] = rule.branches
  const branch = (index: number): Value => {
    const { value, body } = rule.branches[index]!
    const more = index + 1 < rule.branches.length ? ([['else', branch(index + 1)]] as Fields) : []
    return object([['head', headValue(rule, value)], ['body', bodyValue(body)], ...more])
  }
  return object([
    ...(rule.default ? ([['default', true]] as Fields) : []),
    ['head', headValue(rule, first!.value)],
    ['body', bodyValue(first!.body)],
    ...(others.length === 0 ? [] : ([['else', branch(1)]] as Fields)),
  ])
}

function headValue({ ref, args, member }: Rule, value: Term | undefined): Value {
  const [name, ...path] = ref
  return object([
    ['name', name?.type === 'var' ? name.name : ''],
    ...(args ? ([['args', args.map(termValue)]] as Fields) : []),
    ...(member
      ? ([['key', termValue(member)]] as Fields)
      : [['value', value ? termValue(value) : typed('boolean', true)] as [string, Value]]),
    ['ref', [termValue(name!), ...path.map(termValue)]],
  ])
}

function bodyValue(body: readonly Expr[]): Value {
  if (body.length === 0)
    return [
      object([
        ['index', 0],
        ['terms', typed('boolean', true)],
      ]),
    ]
  return body.map((expr, index) => exprValue(expr, index))
}

function exprValue(expr: Expr, index: number): Value {
  const modifiers = expr.with.map(({ target, value }) =>
    object([
      ['target', termValue(target)],
      ['value', termValue(value)],
    ]),
  )
  return object([
    ['index', index],
    ...(expr.negated ? ([['negated', true]] as Fields) : []),
    ['terms', termsOf(expr)],
    ...(modifiers.length === 0 ? [] : ([['with', modifiers]] as Fields)),
  ])
}

function operator(name: string): Value {
  return typed('ref', pathRef(name.split('.')))
}

function termsOf(expr: Expr): Value {
  switch (expr.type) {
    case 'term':
      return expr.term.type === 'call' ? [operator(expr.term.name), ...expr.term.args.map(termValue)] : termValue(expr.term)
    case 'unify':
    case 'assign':
      return [operator(expr.type === 'unify' ? 'eq' : 'assign'), termValue(expr.left), termValue(expr.right)]
    case 'some':
      return object([['symbols', expr.names.map(termValue)]])
    case 'some-in': {
      const parts = [...(expr.key ? [expr.key] : []), expr.value, expr.domain].map(termValue)
      return object([['symbols', [typed('call', [operator(expr.key ? 'internal.member_3' : 'internal.member_2'), ...parts])]]])
    }
    case 'every':
      return object([
        ['key', expr.key ? termValue(expr.key) : null],
        ['value', termValue(expr.value)],
        ['domain', termValue(expr.domain)],
        ['body', bodyValue(expr.body)],
      ])
    case 'logic':
      return object([[expr.operator, expr.operands.map(({ body }) => bodyValue(body))]])
  }
}

function termValue(term: Term): Value {
  switch (term.type) {
    case 'scalar':
      return typed(kindOf(term.value), term.value)
    case 'var':
      return typed('var', term.name)
    case 'ref':
      return typed('ref', [termValue(term.head), ...term.path.map(termValue)])
    case 'call':
      return typed('call', [operator(term.name), ...term.args.map(termValue)])
    case 'array':
    case 'set':
      return typed(term.type, term.items.map(termValue))
    case 'object':
      return typed(
        'object',
        term.entries.map((entry) => entry.map(termValue)),
      )
    case 'template':
      return typed(
        'templatestring',
        term.parts.map((part, i) => (typeof part === 'string' ? typed('string', part) : exprValue(part, i))),
      )
    case 'object-comprehension':
      return typed(
        'objectcomprehension',
        object([
          ['key', termValue(term.key)],
          ['value', termValue(term.value)],
          ['body', bodyValue(term.body)],
        ]),
      )
    default: {
      const type = term.type === 'array-comprehension' ? 'arraycomprehension' : 'setcomprehension'
      return typed(
        type,
        object([
          ['term', termValue(term.term)],
          ['body', bodyValue(term.body)],
        ]),
      )
    }
  }
}
