import { open } from 'node:fs/promises'
import { columns, timeText } from '@vouchsafe/command'
import { createAgent } from '../agent.ts'
import { CONFIG_OPTION, command, commaList, jsonValue } from '../command.ts'
import { loadConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { readTokenRequest } from '../requests.ts'
import { claimsOf, expiryOf } from '../tokens.ts'

export const tokenCommand = command({
  name: 'token',
  args: [],
  summary: 'Attest to the server and print the token',
  options: {
    'attester-types': { type: 'string', value: 'LIST', summary: 'such as tpm_boot,tpm_ima (default: all enabled ones)' },
    'policy-ids': {
      type: 'string',
      value: 'LIST',
      summary: "the policies that decide (default: those of the configuration, or the user's default policies)",
    },
    'attester-data': { type: 'string', value: 'JSON', summary: 'data to pass through into the token' },
    out: { type: 'string', value: 'FILE', summary: 'file for the token, readable only by its owner; its claims are printed instead' },
    ...CONFIG_OPTION,
  },
  async run({ stderr, runtime }, _args, values) {
    const config = await loadConfig(values.config)
    const { tokens } = await createAgent(config, createLog('warn', stderr, runtime.now), runtime)
    const policies = commaList(values['policy-ids'])
    const types =
      commaList(values['attester-types']) ?? (policies === undefined ? [] : config.attesters.map(({ attester }) => attester.type))
    const token = await tokens.get(
      readTokenRequest({
        attester_info: types.map((type) => ({ attester_type: type, ...(policies && { policy_ids: policies }) })),
        challenge: true,
        attester_data: jsonValue('attester-data', values['attester-data']),
      }),
    )
    if (values.out === undefined) return { json: { token }, text: `${token}\n` }
    await writePrivate(values.out, `${token}\n`)
    const { status, ueid } = claimsOf(token)
    const expiry = expiryOf(token)
    const rows = [
      ['node', String(ueid)],
      ['status', String(status)],
      ['expires', expiry === undefined ? 'never' : timeText(expiry)],
    ] as const
    return { json: { out: values.out, ...Object.fromEntries(rows) }, text: columns(rows) }
  },
})

/** For its owner only, even if the file was there for others to read. */
async function writePrivate(path: string, text: string): Promise<void> {
  await using file = await open(path, 'w', 0o600)
  if ((await file.stat()).isFile()) await file.chmod(0o600)
  await file.writeFile(text)
}
