// Baselines of the attestation authority; baseline-make.ts makes them.
import type { BaselineChange } from '@vouchsafe/client'
import { UsageError, printable, table } from '@vouchsafe/command'
import { AUTHORITY_OPTIONS, connectAuthority, contentOf, nameOf, prettyJson, removalOf } from '../authority.ts'
import { command } from '../command.ts'
import type { Host } from '../command.ts'

const ATTESTER_TYPE = 'tpm_ima'

const CHANGEABLE = {
  name: { type: 'string', short: 'n', value: 'NAME', summary: 'name' },
  description: { type: 'string', short: 'd', value: 'TEXT', summary: 'description' },
  'attester-type': { type: 'string', short: 'a', value: 'TYPE', summary: `attester type` },
  content: { type: 'string', value: '@FILE', summary: 'the signed baseline (JWT), or @ and its file' },
  'is-default': { type: 'boolean', short: 'i', worded: true, summary: 'mark as default' },
} as const
const IDS = { type: 'string', short: 'i', value: 'ID', multiple: true, list: true, summary: 'ids' } as const

interface BaselineValues {
  description?: string
  'attester-type'?: string
  content?: string
  'is-default'?: boolean
}

async function changeOf(host: Host, values: BaselineValues): Promise<Omit<BaselineChange, 'name'>> {
  const { description, 'attester-type': type, content, 'is-default': isDefault } = values
  return {
    ...(description !== undefined && { description }),
    ...(type !== undefined && { attester_type: type }),
    ...(content !== undefined && { content: (await contentOf(host, content)).trim() }),
    ...(isDefault !== undefined && { is_default: isDefault }),
  }
}

export const baselineCommands = [
  command({
    name: 'baseline set',
    args: [],
    summary: 'Store a baseline at the attestation authority',
    options: {
      ...CHANGEABLE,
      name: { ...CHANGEABLE.name, summary: 'name (default: that of the file)' },
      'attester-type': { ...CHANGEABLE['attester-type'], summary: `attester type (default ${ATTESTER_TYPE})` },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const { name, content } = values
      if (content === undefined) throw new UsageError('--content is missing')
      const client = await connectAuthority(host, values)
      const { attester_type = ATTESTER_TYPE, content: jwt = '', ...others } = await changeOf(host, values)
      const json = await client.addBaseline({ name: nameOf(name, content), attester_type, content: jwt, ...others })
      return { json, text: `${printable(json.id)}\n` }
    },
  }),
  command({
    name: 'baseline update',
    args: [],
    summary: 'Change a baseline',
    options: { id: { type: 'string', value: 'ID', summary: 'which baseline' }, ...CHANGEABLE, ...AUTHORITY_OPTIONS },
    async run(host, _args, values) {
      const { id, name } = values
      if (id === undefined) throw new UsageError('--id is missing')
      const client = await connectAuthority(host, values)
      const json = await client.updateBaseline(id, { ...(await changeOf(host, values)), ...(name !== undefined && { name }) })
      return { json, text: `${printable(json.id)} is now version ${json.version}\n` }
    },
  }),
  command({
    name: 'baseline get',
    args: [],
    summary: 'List the baselines, or show those given by id',
    options: {
      ids: IDS,
      'attester-type': { type: 'string', short: 'd', value: 'TYPE', summary: 'only those for this attester type' },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const client = await connectAuthority(host, values)
      if (values.ids !== undefined) {
        const baselines = await client.getBaselines(values.ids)
        return { json: { baselines }, text: prettyJson(baselines) }
      }
      const baselines = await client.listBaselines(values['attester-type'])
      const rows = baselines.map(({ id, attester_type: type, name }) => [id, type, name])
      return { json: { baselines }, text: table(['ID', 'FOR', 'NAME'], rows) }
    },
  }),
  command({
    name: 'baseline delete',
    args: [],
    summary: 'Delete baselines by id, by attester type or all',
    options: {
      'delete-type': { type: 'string', short: 'd', value: 'HOW', summary: 'id, type or all' },
      ids: IDS,
      'attester-type': { type: 'string', short: 't', value: 'TYPE', summary: 'the type to delete' },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const which = removalOf(values, { option: 'attester-type', value: values['attester-type'], words: ['type'] })
      const client = await connectAuthority(host, values)
      await client.deleteBaselines(which)
      return { json: {}, text: 'deleted\n' }
    },
  }),
]
