import { fileURLToPath } from 'node:url'
import * as agentFields from '../packages/agent/src/config-fields.ts'
import type { Shape } from '../packages/agent/src/fields.ts'
import { OPTIONS, formatValue } from '../packages/server/src/config/config.ts'
import { quoteOperations } from '../packages/server/src/ehsm/actions/quotes.ts'
import { rotationOperations } from '../packages/server/src/ehsm/actions/rotation.ts'
import { secretOperations } from '../packages/server/src/ehsm/actions/secrets.ts'
import type { EhsmOperation } from '../packages/server/src/ehsm/operation.ts'
import { OPERATIONS } from '../packages/server/src/ehsm/operations.ts'
import type { GtaOperation } from '../packages/server/src/gta/operation.ts'
import { OPERATIONS as AUTHORITY_OPERATIONS } from '../packages/server/src/gta/operations.ts'
import { OPERATIONS as OPERATOR_OPERATIONS } from '../packages/server/src/operator/operations.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ON_SECRETS: readonly EhsmOperation[] = [...secretOperations, ...rotationOperations]
const ON_KEYS = OPERATIONS.filter((operation) => !ON_SECRETS.includes(operation) && !quoteOperations.includes(operation))

/** By file, then by marker: the text that belongs between `<!-- name -->` and `<!-- /name -->`. */
export function derivedSections(): Record<string, Record<string, string>> {
  return {
    [`${ROOT}docs/key-management.md`]: { operations: operationTable(ON_KEYS) },
    [`${ROOT}docs/secrets.md`]: { operations: operationTable(ON_SECRETS) },
    [`${ROOT}docs/quotes.md`]: { operations: operationTable(quoteOperations) },
    [`${ROOT}docs/attestation-service.md`]: { operations: authorityTable() },
    [`${ROOT}docs/attest-a-machine.md`]: { 'agent-configuration': agentTable() },
    [`${ROOT}docs/operations.md`]: { 'operator-operations': operatorTable() },
    [`${ROOT}docs/server.md`]: { options: optionTable() },
  }
}

/** The document with its derived sections made new. */
export function withSections(document: string, sections: Record<string, string>): string {
  let text = document
  for (const [name, content] of Object.entries(sections)) {
    const pattern = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`)
    if (!pattern.test(text)) throw new Error(`no markers for '${name}'`)
    text = text.replace(pattern, (_, open: string, close: string) => `${open}${content}\n${close}`)
  }
  return text
}

function operationTable(operations: readonly EhsmOperation[]): string {
  const rows = operations.map((operation) => {
    const names = [operation.name, ...(operation.aliases ?? [])].map((name) => `\`${name}\``).join(', ')
    const notes = operation.notes === undefined ? '' : ` ${operation.notes}`
    return `| ${names} | ${operation.summary}${notes} | ${fieldList(operation)} | ${resultList(operation)} |`
  })
  return ['| Action | What it does | Payload | Result |', '|---|---|---|---|', ...rows].join('\n')
}

function authorityTable(): string {
  const rows = AUTHORITY_OPERATIONS.map(({ name, method, paths, permission, summary, notes, body, query }) => {
    const where = paths.map((path) => `\`${path}\``).join(' or ')
    const who = permission === 'public' ? 'anybody' : permission === 'enroll' ? 'see above' : permission
    return `| \`${method}\` ${where} | ${name}: ${summary}${notes === undefined ? '' : ` ${notes}`} | ${who} | ${schemaFields(body ?? query)} |`
  })
  return ['| Route | What it does | Role | Fields |', '|---|---|---|---|', ...rows].join('\n')
}

function operatorTable(): string {
  const rows = OPERATOR_OPERATIONS.map(({ name, summary, method, path, input, result }) => {
    const returned = (result as { type?: unknown }).type === 'object' ? schemaFields(result) : 'bytes'
    return `| ${name} | \`${method}\` \`${path}\` | ${summary} | ${schemaFields(input)} | ${returned} |`
  })
  return ['| Operation | Route | What it does | Input | Result |', '|---|---|---|---|---|', ...rows].join('\n')
}

function schemaFields(schema: GtaOperation['body']): string {
  const { properties = {}, required = [] } = (schema ?? {}) as { properties?: object; required?: string[] }
  return (
    Object.keys(properties)
      .map((name) => (required.includes(name) ? `\`${name}\`` : `*\`${name}\`*`))
      .join(', ') || '–'
  )
}

function fieldList({ fields }: EhsmOperation): string {
  const names = Object.entries(fields).map(([name, { required, aliases }]) => {
    const spellings = [name, ...aliases].map((spelling) => `\`${spelling}\``).join(' or ')
    return required ? spellings : `*${spellings}*`
  })
  return names.join(', ') || '–'
}

function resultList({ result }: EhsmOperation): string {
  const names = Object.keys(result.properties as object).map((name) => `\`${name}\``)
  return names.join(', ') || '–'
}

function optionTable(): string {
  const rows = Object.entries(OPTIONS).map(([name, option]) => {
    const flag = option.flag ? `\`--${name}\`` : `\`${name}\` (no flag)`
    return `| ${flag} | \`${option.env}\` | ${fallbackText(name, option.fallback)} | ${option.doc} |`
  })
  return ['| Option | Environment | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n')
}

function fallbackText(name: string, fallback: unknown): string {
  if (fallback === undefined) return ''
  if (name === 'data-dir') return '`./data`'
  return `\`${formatValue(fallback)}\``
}

const AGENT_SECTIONS: readonly (readonly [string, Shape])[] = [
  ['agent', agentFields.AGENT_FIELDS],
  ['server', agentFields.SERVER_FIELDS],
  ['logging', agentFields.LOGGING_FIELDS],
  ['plugins[]', agentFields.PLUGIN_FIELDS],
  ['plugins[].params', agentFields.PARAMETER_FIELDS],
  ['schedulers[]', agentFields.SCHEDULER_FIELDS],
]

function agentTable(): string {
  const rows = AGENT_SECTIONS.flatMap(([section, fields]) =>
    Object.entries(fields).map(([name, { fallback, doc }]) => `| \`${section}.${name}\` | ${doc} | ${agentFallback(name, fallback)} |`),
  )
  return ['| Field | What it means | Default |', '|---|---|---|', ...rows].join('\n')
}

function agentFallback(name: string, fallback: unknown): string {
  if (name === 'ak_handle' || name === 'ak_nv_index') return `\`0x${(fallback as number).toString(16)}\``
  return fallback === undefined || typeof fallback === 'object' ? '' : `\`${String(fallback)}\``
}
