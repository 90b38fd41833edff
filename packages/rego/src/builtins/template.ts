/** `strings.render_template`: Go's text templates over Rego values. A field that is not there is an error, as OPA has it. */
import { allocateEntries, allocateItems, allocateText, charged, spend } from '../run/budget.ts'
import { compare, equal, lookup, objectSize, sortedEntries, sortedMembers } from '../values/operations.ts'
import { keyText, regoText } from '../values/text.ts'
import { isArray, isNumber, isObject, isSet } from '../values/value.ts'
import type { RegoObject } from '../values/collections.ts'
import type { PlainObject, Value } from '../values/value.ts'
import { sprintf } from './sprintf.ts'
import { parseTemplate } from './template-parser.ts'
import type { Command, Node, Operand, Pipeline } from './template-parser.ts'
import { builtin, failure } from './types.ts'
import type { BuiltinSpec } from './types.ts'

export const templateBuiltins: readonly BuiltinSpec[] = [
  builtin('strings.render_template', ['string', 'object'], 'string', (source: string, values: RegoObject | PlainObject) => {
    spend(source.length)
    const output: string[] = []
    run(parseTemplate(source), { dot: values, variables: new Map([['$', values]]) }, output)
    return charged(output.join('').replaceAll('<no value>', '<undefined>'))
  }),
]

interface Scope {
  dot: Value
  variables: ReadonlyMap<string, Value>
}

/** Runs nodes; variables that an action declares hold for the nodes after it. */
function run(nodes: readonly Node[], outer: Scope, output: string[]): void {
  let scope = outer
  const write = (text: string): void => {
    allocateText(text.length, text)
    allocateItems(1)
    output.push(text)
  }
  for (const node of nodes) {
    spend(1)
    switch (node.type) {
      case 'text':
        write(node.text)
        break
      case 'action': {
        const value = evaluate(node.pipeline, scope)
        const [variable] = node.pipeline.variables
        if (variable === undefined) write(plain(value))
        else scope = declare(scope, variable, value)
        break
      }
      case 'range':
        range(node, scope, output)
        break
      default: {
        const value = evaluate(node.pipeline, scope)
        const [variable] = node.pipeline.variables
        const inner = variable === undefined ? scope : declare(scope, variable, value)
        if (!isTrue(value)) run(node.otherwise, inner, output)
        else run(node.body, node.type === 'with' ? { ...inner, dot: value } : inner, output)
      }
    }
  }
}

function declare(scope: Scope, variable: string, value: Value): Scope {
  spend(scope.variables.size)
  allocateEntries(scope.variables.size + 1)
  return { dot: scope.dot, variables: new Map(scope.variables).set(variable, value) }
}

function range(node: Extract<Node, { pipeline: Pipeline; body: readonly Node[] }>, scope: Scope, output: string[]): void {
  const value = evaluate(node.pipeline, scope)
  const entries: readonly (readonly [Value, Value])[] = isArray(value)
    ? value.map((item, i) => [i, item] as const)
    : isSet(value)
      ? sortedMembers(value).map((item, i) => [i, item] as const)
      : isObject(value)
        ? sortedEntries(value)
        : []
  if (entries.length === 0) return run(node.otherwise, scope, output)
  const [first, second] = node.pipeline.variables
  for (const [key, item] of entries) {
    let inner: Scope = { ...scope, dot: item }
    if (first !== undefined) inner = declare(inner, first, second === undefined ? item : key)
    if (second !== undefined) inner = declare(inner, second, item)
    run(node.body, inner, output)
  }
}

function isTrue(value: Value): boolean {
  if (value === null || value === false || value === '' || value === 0) return false
  if (isArray(value)) return value.length > 0
  if (isSet(value)) return value.size > 0
  return !isObject(value) || objectSize(value) > 0
}

function plain(value: Value): string {
  if (typeof value === 'string') return value
  return value === null ? '<no value>' : printed(value)
}

/** As Go prints a value: `[1 2]`, `map[a:1]`. */
function printed(value: Value): string {
  spend(1)
  if (typeof value === 'string') return value
  if (value === null) return '<nil>'
  if (isNumber(value) || typeof value === 'boolean') return regoText(value)
  if (isArray(value)) return charged(`[${value.map(printed).join(' ')}]`)
  if (isSet(value)) return charged(`[${sortedMembers(value).map(printed).join(' ')}]`)
  return charged(
    `map[${sortedEntries(value)
      .map(([key, item]) => `${keyText(key)}:${printed(item)}`)
      .join(' ')}]`,
  )
}

function evaluate({ commands }: Pipeline, scope: Scope): Value {
  let result: Value | undefined
  for (const command of commands) result = runCommand(command, scope, result)
  return result ?? null
}

function runCommand({ name, operands }: Command, scope: Scope, piped: Value | undefined): Value {
  const values = operands.map((operand) => operandValue(operand, scope))
  if (piped !== undefined) values.push(piped)
  if (name === undefined) {
    if (values.length > 1) throw failure("template: can't give argument to non-function")
    return values[0]!
  }
  const call = FUNCTIONS.get(name)
  if (!call) throw failure(`template: function "${name}" not defined`)
  return call(values)
}

function operandValue(operand: Operand, scope: Scope): Value {
  if (operand.type === 'literal') return operand.value
  const start =
    operand.type === 'pipeline'
      ? evaluate(operand.pipeline, scope)
      : operand.variable === undefined
        ? scope.dot
        : scope.variables.get(operand.variable)
  if (start === undefined) throw failure('template: undefined variable')
  let value: Value = start
  for (const name of operand.path) {
    if (!isObject(value)) throw failure(`template: can't evaluate field ${name}`)
    value = lookup(value, name) ?? null
  }
  return value
}

const compared = (test: (order: number) => boolean): ((values: readonly Value[]) => Value) => {
  return ([a = null, b = null]) => test(compare(a, b))
}

const FUNCTIONS: ReadonlyMap<string, (values: readonly Value[]) => Value> = new Map<string, (values: readonly Value[]) => Value>([
  ['and', (values) => values.find((value) => !isTrue(value)) ?? values.at(-1) ?? null],
  ['or', (values) => values.find(isTrue) ?? values.at(-1) ?? null],
  ['not', ([value = null]) => !isTrue(value)],
  ['eq', ([first = null, ...rest]) => rest.some((value) => equal(first, value))],
  ['ne', compared((order) => order !== 0)],
  ['lt', compared((order) => order < 0)],
  ['le', compared((order) => order <= 0)],
  ['gt', compared((order) => order > 0)],
  ['ge', compared((order) => order >= 0)],
  ['len', ([value = null]) => lengthOf(value)],
  ['index', ([value = null, ...keys]) => keys.reduce<Value>((inner, key) => lookup(inner, key) ?? missing(key), value)],
  ['print', (values) => values.map(plain).join(values.some((value) => typeof value === 'string') ? '' : ' ')],
  ['println', (values) => `${values.map(plain).join(' ')}\n`],
  ['printf', ([format = '', ...values]) => sprintf(plain(format), values)],
  [
    'html',
    (values) =>
      values
        .map(plain)
        .join('')
        .replace(/[&<>'"]/g, (char) => `&#${char.charCodeAt(0)};`),
  ],
  ['urlquery', (values) => encodeURIComponent(values.map(plain).join('').toWellFormed())],
])

function missing(key: Value): never {
  throw failure(`template: no entry for ${regoText(key)}`)
}

function lengthOf(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (isArray(value)) return value.length
  if (isSet(value)) return value.size
  if (isObject(value)) return objectSize(value)
  throw failure(`template: len of ${isNumber(value) ? 'a number' : 'no collection'}`)
}
