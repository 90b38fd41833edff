// Policies of the attestation authority. Those in policy.ts never leave this machine.
import type { PolicyChange } from '@vouchsafe/client'
import { UsageError, printable, table, timeText } from '@vouchsafe/command'
import { AUTHORITY_OPTIONS, connectAuthority, contentOf, nameOf, prettyJson, removalOf } from '../authority.ts'
import { command } from '../command.ts'
import type { Host } from '../command.ts'

const CHANGEABLE = {
  name: { type: 'string', short: 'n', value: 'NAME', summary: 'name' },
  description: { type: 'string', short: 'd', value: 'TEXT', summary: 'description' },
  'attester-type': { type: 'string', short: 'a', value: 'TYPE', multiple: true, list: true, summary: 'tpm_boot, tpm_ima' },
  'content-type': { type: 'string', value: 'KIND', summary: 'text: Rego (default); jwt: a JWT with Rego in base64 as its claim policy' },
  content: { type: 'string', value: '@FILE', summary: 'the policy, or @ and its file' },
  'is-default': { type: 'boolean', short: 'i', worded: true, summary: 'apply it when a request names no policies' },
} as const
const IDS = { type: 'string', short: 'i', value: 'ID', multiple: true, list: true, summary: 'ids' } as const

interface PolicyValues {
  description?: string
  'attester-type'?: string[]
  'content-type'?: string
  content?: string
  'is-default'?: boolean
}

/** What the options say beside the name; text goes in base64. */
async function changeOf(host: Host, values: PolicyValues): Promise<Omit<PolicyChange, 'name'>> {
  const { description, 'attester-type': types, 'content-type': kind = 'text', content, 'is-default': isDefault } = values
  if (kind !== 'text' && kind !== 'jwt') throw new UsageError('--content-type must be text or jwt')
  if (content === undefined && values['content-type'] !== undefined) throw new UsageError('--content-type goes with --content')
  const given = content === undefined ? undefined : await contentOf(host, content)
  return {
    ...(description !== undefined && { description }),
    ...(types !== undefined && { attester_type: types }),
    ...(given !== undefined && { content_type: kind, content: kind === 'jwt' ? given.trim() : Buffer.from(given).toString('base64') }),
    ...(isDefault !== undefined && { is_default: isDefault }),
  }
}

export const authorityPolicyCommands = [
  command({
    name: 'policy set',
    args: [],
    summary: 'Store a policy at the attestation authority',
    options: {
      ...CHANGEABLE,
      name: { ...CHANGEABLE.name, summary: 'name (default: that of the file)' },
      id: { type: 'string', value: 'ID', summary: 'its id (default: a UUID)' },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const { id, name, content } = values
      if (content === undefined) throw new UsageError('--content is missing')
      const client = await connectAuthority(host, values)
      const { attester_type, content: encoded = '', content_type = 'text', ...others } = await changeOf(host, values)
      if (attester_type === undefined) throw new UsageError('--attester-type is missing')
      const policy = { name: nameOf(name, content), attester_type, content: encoded, content_type, ...others }
      const json = await client.addPolicy({ ...policy, ...(id !== undefined && { id }) })
      return { json, text: `${printable(json.id)}\n` }
    },
  }),
  command({
    name: 'policy update',
    args: [],
    summary: 'Change a policy at the attestation authority',
    options: { id: { type: 'string', value: 'ID', summary: 'which policy' }, ...CHANGEABLE, ...AUTHORITY_OPTIONS },
    async run(host, _args, values) {
      const { id, name } = values
      if (id === undefined) throw new UsageError('--id is missing')
      const client = await connectAuthority(host, values)
      const json = await client.updatePolicy(id, { ...(await changeOf(host, values)), ...(name !== undefined && { name }) })
      return { json, text: `${printable(json.id)} is now version ${json.version}\n` }
    },
  }),
  command({
    name: 'policy get',
    args: [],
    summary: 'List the policies at the attestation authority, or show those given by id',
    options: {
      ids: IDS,
      'attester-type': { type: 'string', short: 'd', value: 'TYPE', summary: 'only those for this attester type' },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const client = await connectAuthority(host, values)
      if (values.ids !== undefined) {
        const policies = await client.getPolicies(values.ids)
        return { json: { policies }, text: prettyJson(policies) }
      }
      const policies = await client.listPolicies(values['attester-type'])
      const rows = policies.map(({ id, version, attester_type: types, update_time: at, name }) => {
        return [id, String(version), types.join(','), timeText(at * 1000), name]
      })
      return { json: { policies }, text: table(['ID', 'VERSION', 'FOR', 'CHANGED', 'NAME'], rows) }
    },
  }),
  command({
    name: 'policy delete',
    args: [],
    summary: 'Delete policies at the attestation authority, by id, by attester type or all',
    options: {
      'delete-type': { type: 'string', short: 'd', value: 'HOW', summary: 'id, attester_type or all' },
      ids: IDS,
      'attester-type': { type: 'string', short: 't', value: 'TYPE', summary: 'the type to delete' },
      ...AUTHORITY_OPTIONS,
    },
    async run(host, _args, values) {
      const which = removalOf(values, { option: 'attester-type', value: values['attester-type'], words: ['attester_type', 'type'] })
      const client = await connectAuthority(host, values)
      await client.deletePolicies(which)
      return { json: {}, text: 'deleted\n' }
    },
  }),
]
