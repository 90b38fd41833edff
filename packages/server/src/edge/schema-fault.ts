/** A fault found by a schema validator: Fastify's and TypeBox's report it in nearly the same form. */
export interface SchemaFault {
  /** Where, as a JSON pointer. */
  instancePath: string
  message?: string
  keyword: string
  params: Record<string, unknown>
}

/** An edge's words for parts that are not a field. */
export interface SchemaWords {
  /** What is checked, such as `the body`. */
  whole: string
  /** The words for a name that is not in the schema, such as `unknown field`. */
  unknown: string
}

/** A sentence that names the field, such as `measurements[0].node_id is required`. */
export function schemaFaultMessage({ instancePath, message = 'is not valid', keyword, params }: SchemaFault, words: SchemaWords): string {
  const parts = instancePath.split('/').slice(1)
  const field = parts.reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '')
  const inside = (name: unknown) => (field === '' ? String(name) : `${field}.${String(name)}`)
  if (keyword === 'required') return `${inside(params.missingProperty ?? firstOf(params.requiredProperties))} is required`
  if (keyword === 'additionalProperties')
    return `${words.unknown} '${inside(params.additionalProperty ?? firstOf(params.additionalProperties))}'`
  const subject = field === '' ? words.whole : field
  if (keyword === 'pattern') return `${subject} has characters that are not allowed`
  if (keyword === 'enum' && Array.isArray(params.allowedValues)) return `${subject} must be one of ${params.allowedValues.join(', ')}`
  if (keyword === 'type')
    return `${subject} must be ${['array', 'integer', 'object'].includes(String(params.type)) ? 'an' : 'a'} ${String(params.type)}`
  return `${subject} ${message}`
}

function firstOf(names: unknown): unknown {
  return Array.isArray(names) ? names[0] : undefined
}
