import { UsageError, timeText, wholeNumber } from '@vouchsafe/command'
import { CONFIG_OPTION, command } from '../command.ts'
import { loadConfig } from '../config.ts'
import type { Config } from '../config.ts'
import { certifyLocally, readLocalCa } from '../provision/local-ca.ts'
import { distinctKeys, provision } from '../provision/provision.ts'
import type { Certifier } from '../provision/provision.ts'
import { certifyAtServer } from '../provision/server-certifier.ts'
import { connectServer } from '../server-client.ts'

const DEFAULT_DAYS = '365'

export const provisionCommand = command({
  name: 'provision',
  args: [],
  summary: 'Create the attestation key in the TPM, and get its certificate from the server, or from a CA whose key is on this machine',
  options: {
    'ca-cert': { type: 'string', value: 'FILE', summary: 'PEM of a CA that certifies the key, instead of the server' },
    'ca-key': { type: 'string', value: 'FILE', summary: "PEM of that CA's private key" },
    days: { type: 'string', value: 'N', summary: `how long that certificate is valid (default ${DEFAULT_DAYS})` },
    'node-id': { type: 'string', value: 'NAME', summary: "the node's name in that certificate (default: agent.uuid)" },
    replace: { type: 'boolean', summary: 'replace an existing key with a new one' },
    ...CONFIG_OPTION,
  },
  async run({ runtime }, _args, values) {
    const config = await loadConfig(values.config)
    const nodeId = values['node-id'] ?? config.nodeId
    if (config.nodeId !== undefined && nodeId !== config.nodeId) throw new UsageError(`--node-id: agent.uuid says '${config.nodeId}'`)
    const certify = await certifierOf(values, config, nodeId, runtime.now())
    const done = []
    for (const settings of distinctKeys(config.attesters.map((each) => each.settings)))
      done.push(
        await provision({
          settings,
          certify,
          nodeId,
          ekCertificatePath: config.ekCertificatePath,
          replace: values.replace ?? false,
          now: runtime.now(),
        }),
      )
    const lines = done.map(
      ({ nodeId, made, handle, place, validUntil }) =>
        `${made ? 'made' : 'kept'} the attestation key ${handle}; its certificate for '${nodeId}', until ${timeText(validUntil.getTime())}, is in ${place}\n`,
    )
    return { json: { keys: done }, text: lines.join('') }
  },
})

interface CertifierOptions {
  readonly 'ca-cert'?: string
  readonly 'ca-key'?: string
  readonly days?: string
}

async function certifierOf(values: CertifierOptions, config: Config, nodeId: string | undefined, now: number): Promise<Certifier> {
  const { 'ca-cert': caCert, 'ca-key': caKey, days } = values
  if (caCert === undefined && caKey === undefined) {
    if (days !== undefined) throw new UsageError('--days: the server decides how long its certificates are valid')
    return certifyAtServer(await connectServer(config.server))
  }
  if (caCert === undefined || caKey === undefined) throw new UsageError('--ca-cert and --ca-key go together')
  if (nodeId === undefined) throw new UsageError('--node-id is missing: the name of this node in tokens')
  const validDays = wholeNumber('days', days ?? DEFAULT_DAYS, 1, 36_500)
  const ca = await readLocalCa(caCert, caKey)
  return async (_tpm, { ak }) => [await certifyLocally(ca, ak, nodeId, validDays, now)]
}
