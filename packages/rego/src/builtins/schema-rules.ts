/** The keywords of JSON Schema (drafts 4, 6 and 7), each as a check of one value. */
import { spend } from '../run/budget.ts'
import { codePointCount } from '../values/code-points.ts'
import { compareNumbers, divide, isInteger } from '../values/numbers.ts'
import { equal, hashKey, objectGet, objectSize, sortedEntries } from '../values/operations.ts'
import { keyText, regoText } from '../values/text.ts'
import { isArray, isNumber, isObject, kindOf } from '../values/value.ts'
import type { Num, Value } from '../values/value.ts'
import { isFormat } from './schema-formats.ts'
import type { SchemaError } from './schema-errors.ts'
import { matchesPattern } from './regex.ts'

/** A place in a document, and how to check what lies below. */
export interface Spot {
  readonly value: Value
  readonly path: readonly string[]
  /** Checks a value with a schema; reports what is wrong. */
  check(schema: Value, value: Value, path: readonly string[]): SchemaError[]
}

type Rule = (argument: Value, spot: Spot, schema: Value) => SchemaError[]

const NONE: SchemaError[] = []

export function schemaType(value: Value): string {
  return isNumber(value) ? (isInteger(value) ? 'integer' : 'number') : kindOf(value)
}

function unless(holds: boolean, { path }: Spot, type: string, description: string): SchemaError[] {
  return holds ? NONE : [{ path, type, description }]
}

function member(schema: Value, name: string): Value | undefined {
  return isObject(schema) ? objectGet(schema, name) : undefined
}

const number = (check: (value: Num, limit: Num, schema: Value) => boolean, type: string, text: string): Rule => {
  return (limit, spot, schema) =>
    isNumber(spot.value) && isNumber(limit) ? unless(check(spot.value, limit, schema), spot, type, `${text} ${regoText(limit)}`) : NONE
}

const size = (measure: (value: Value) => number | undefined, isLeast: boolean, type: string, text: string): Rule => {
  return (limit, spot) => {
    const length = measure(spot.value)
    if (length === undefined || !isNumber(limit)) return NONE
    const order = compareNumbers(length, limit)
    return unless(isLeast ? order >= 0 : order <= 0, spot, type, `${text} ${regoText(limit)}`)
  }
}

const lengthOf = (value: Value): number | undefined => (typeof value === 'string' ? codePointCount(value) : undefined)
const itemsOf = (value: Value): number | undefined => (isArray(value) ? value.length : undefined)
const propertiesOf = (value: Value): number | undefined => (isObject(value) ? objectSize(value) : undefined)

export const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['type', checkType],
  [
    'enum',
    (list, spot) =>
      unless(
        !isArray(list) || list.some((item) => equal(item, spot.value)),
        spot,
        'enum',
        `${label(spot)} must be one of the following: ${isArray(list) ? list.map((item) => regoText(item)).join(', ') : ''}`,
      ),
  ],
  ['const', (wanted, spot) => unless(equal(wanted, spot.value), spot, 'const', `${label(spot)} does not match: ${regoText(wanted)}`)],
  [
    'multipleOf',
    number((value, unit) => compareNumbers(unit, 0) > 0 && isInteger(divide(value, unit)), 'multiple_of', 'Must be a multiple of'),
  ],
  [
    'minimum',
    number(
      (value, limit, schema) =>
        member(schema, 'exclusiveMinimum') === true ? compareNumbers(value, limit) > 0 : compareNumbers(value, limit) >= 0,
      'number_gte',
      'Must be greater than or equal to',
    ),
  ],
  [
    'maximum',
    number(
      (value, limit, schema) =>
        member(schema, 'exclusiveMaximum') === true ? compareNumbers(value, limit) < 0 : compareNumbers(value, limit) <= 0,
      'number_lte',
      'Must be less than or equal to',
    ),
  ],
  ['exclusiveMinimum', number((value, limit) => compareNumbers(value, limit) > 0, 'number_gt', 'Must be greater than')],
  ['exclusiveMaximum', number((value, limit) => compareNumbers(value, limit) < 0, 'number_lt', 'Must be less than')],
  ['minLength', size(lengthOf, true, 'string_gte', 'String length must be greater than or equal to')],
  ['maxLength', size(lengthOf, false, 'string_lte', 'String length must be less than or equal to')],
  ['minItems', size(itemsOf, true, 'array_min_items', 'Array must have at least')],
  ['maxItems', size(itemsOf, false, 'array_max_items', 'Array must have at most')],
  ['minProperties', size(propertiesOf, true, 'array_min_properties', 'Must have at least')],
  ['maxProperties', size(propertiesOf, false, 'array_max_properties', 'Must have at most')],
  [
    'pattern',
    (pattern, spot) =>
      typeof pattern === 'string' && typeof spot.value === 'string'
        ? unless(matchesPattern(pattern, spot.value), spot, 'pattern', `Does not match pattern '${pattern}'`)
        : NONE,
  ],
  [
    'format',
    (name, spot) =>
      typeof name === 'string' && typeof spot.value === 'string'
        ? unless(isFormat(name, spot.value), spot, 'format', `Does not match format '${name}'`)
        : NONE,
  ],
  ['uniqueItems', checkUnique],
  ['required', checkRequired],
  ['properties', checkProperties],
  ['patternProperties', checkPatternProperties],
  ['additionalProperties', checkAdditional],
  [
    'propertyNames',
    (inner, spot) => (isObject(spot.value) ? sortedEntries(spot.value).flatMap(([key]) => spot.check(inner, key, spot.path)) : NONE),
  ],
  ['dependencies', checkDependencies],
  ['items', checkItems],
  ['additionalItems', checkAdditionalItems],
  [
    'contains',
    (inner, spot) =>
      isArray(spot.value)
        ? unless(
            spot.value.some((item) => spot.check(inner, item, spot.path).length === 0),
            spot,
            'contains',
            'At least one of the items must match',
          )
        : NONE,
  ],
  [
    'allOf',
    (list, spot) =>
      isArray(list)
        ? unlessAll(
            list.flatMap((inner) => spot.check(inner, spot.value, spot.path)),
            spot,
          )
        : NONE,
  ],
  [
    'anyOf',
    (list, spot) =>
      isArray(list)
        ? unless(
            list.some((inner) => passes(inner, spot)),
            spot,
            'number_any_of',
            'Must validate at least one schema (anyOf)',
          )
        : NONE,
  ],
  [
    'oneOf',
    (list, spot) =>
      isArray(list)
        ? unless(
            list.filter((inner) => passes(inner, spot)).length === 1,
            spot,
            'number_one_of',
            'Must validate one and only one schema (oneOf)',
          )
        : NONE,
  ],
  ['not', (inner, spot) => unless(!passes(inner, spot), spot, 'number_not', 'Must not validate the schema (not)')],
  ['if', checkCondition],
])

function passes(schema: Value, spot: Spot): boolean {
  return spot.check(schema, spot.value, spot.path).length === 0
}

function unlessAll(errors: SchemaError[], spot: Spot): SchemaError[] {
  return errors.length === 0
    ? NONE
    : [...errors, { path: spot.path, type: 'number_all_of', description: 'Must validate all the schemas (allOf)' }]
}

function label({ path }: Spot): string {
  return path.length === 0 ? '(root)' : path.join('.')
}

function checkType(types: Value, spot: Spot): SchemaError[] {
  const list = isArray(types) ? types : [types]
  const given = schemaType(spot.value)
  const fits = list.some((type) => type === given || (type === 'number' && given === 'integer'))
  const expected = list.map((type) => keyText(type)).join('/')
  return unless(fits, spot, 'invalid_type', `Invalid type. Expected: ${expected}, given: ${given}`)
}

function checkUnique(wanted: Value, spot: Spot): SchemaError[] {
  if (wanted !== true || !isArray(spot.value)) return NONE
  return unless(new Set(spot.value.map(hashKey)).size === spot.value.length, spot, 'unique', 'array items must be unique')
}

function checkRequired(names: Value, spot: Spot): SchemaError[] {
  const { value } = spot
  if (!isArray(names) || !isObject(value)) return NONE
  return names.flatMap((name) => unless(objectGet(value, name) !== undefined, spot, 'required', `${keyText(name)} is required`))
}

function checkProperties(properties: Value, spot: Spot): SchemaError[] {
  const { value } = spot
  if (!isObject(properties) || !isObject(value)) return NONE
  return sortedEntries(properties).flatMap(([name, inner]) => {
    const item = objectGet(value, name)
    return item === undefined ? NONE : spot.check(inner, item, [...spot.path, keyText(name)])
  })
}

function checkPatternProperties(patterns: Value, spot: Spot): SchemaError[] {
  const { value } = spot
  if (!isObject(patterns) || !isObject(value)) return NONE
  return sortedEntries(patterns).flatMap(([pattern, inner]) =>
    sortedEntries(value)
      .filter(([name]) => matchesPattern(keyText(pattern), keyText(name)))
      .flatMap(([name, item]) => spot.check(inner, item, [...spot.path, keyText(name)])),
  )
}

/** Properties that neither `properties` nor `patternProperties` speak of. */
function checkAdditional(inner: Value, spot: Spot, schema: Value): SchemaError[] {
  if (!isObject(spot.value)) return NONE
  const [properties, patterns] = [member(schema, 'properties'), member(schema, 'patternProperties')]
  const expressions = patterns !== undefined && isObject(patterns) ? sortedEntries(patterns).map(([pattern]) => keyText(pattern)) : []
  return sortedEntries(spot.value).flatMap(([name, item]) => {
    if (properties !== undefined && isObject(properties) && objectGet(properties, name) !== undefined) return NONE
    if (expressions.some((pattern) => matchesPattern(pattern, keyText(name)))) return NONE
    if (inner !== false) return spot.check(inner, item, [...spot.path, keyText(name)])
    return unless(false, spot, 'additional_property_not_allowed', `Additional property ${keyText(name)} is not allowed`)
  })
}

function checkDependencies(dependencies: Value, spot: Spot): SchemaError[] {
  const { value } = spot
  if (!isObject(dependencies) || !isObject(value)) return NONE
  return sortedEntries(dependencies).flatMap(([name, inner]) => {
    if (objectGet(value, name) === undefined) return NONE
    if (!isArray(inner)) return spot.check(inner, value, spot.path)
    return inner.flatMap((other) =>
      unless(objectGet(value, other) !== undefined, spot, 'missing_dependency', `Has a dependency on ${keyText(other)}`),
    )
  })
}

function checkItems(inner: Value, spot: Spot): SchemaError[] {
  if (!isArray(spot.value)) return NONE
  spend(spot.value.length)
  return spot.value.flatMap((item, i) => {
    const schema = isArray(inner) ? inner[i] : inner
    return schema === undefined ? NONE : spot.check(schema, item, [...spot.path, String(i)])
  })
}

function checkAdditionalItems(inner: Value, spot: Spot, schema: Value): SchemaError[] {
  const items = member(schema, 'items')
  if (!isArray(spot.value) || items === undefined || !isArray(items)) return NONE
  return spot.value.flatMap((item, i) => {
    if (i < items.length) return NONE
    if (inner === false) return unless(false, spot, 'array_no_additional_items', 'No additional items allowed on array')
    return spot.check(inner, item, [...spot.path, String(i)])
  })
}

function checkCondition(condition: Value, spot: Spot, schema: Value): SchemaError[] {
  const branch = member(schema, passes(condition, spot) ? 'then' : 'else')
  return branch === undefined ? NONE : spot.check(branch, spot.value, spot.path)
}
