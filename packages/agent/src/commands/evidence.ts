import { writeFile } from 'node:fs/promises'
import { createAgent } from '../agent.ts'
import { CONFIG_OPTION, command, commaList, jsonValue } from '../command.ts'
import { loadConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { readEvidenceRequest } from '../requests.ts'

export const evidenceCommand = command({
  name: 'evidence',
  args: [],
  summary: 'Collect evidence and print it in the form that the server accepts',
  options: {
    'attester-types': { type: 'string', value: 'LIST', summary: 'such as tpm_boot,tpm_ima (default: all enabled ones)' },
    'nonce-type': { type: 'string', value: 'TYPE', summary: 'default (a nonce of the server), user or ignore' },
    nonce: {
      type: 'string',
      value: 'JSON',
      summary: "the server's nonce, an object of iat, value and signature (default: requested from the server)",
    },
    'user-nonce': { type: 'string', value: 'BASE64', summary: 'for --nonce-type user: 64 to 1024 characters' },
    'attester-data': { type: 'string', value: 'JSON', summary: 'data to pass through into the token' },
    out: { type: 'string', value: 'FILE', summary: 'write the evidence to a file' },
    ...CONFIG_OPTION,
  },
  async run({ stderr, runtime }, _args, values) {
    const config = await loadConfig(values.config)
    const { server, collector } = await createAgent(config, createLog('warn', stderr, runtime.now), runtime)
    const types = commaList(values['attester-types'])
    const selected = collector.select(types)
    const isOurs = values['nonce-type'] === undefined || values['nonce-type'] === 'default'
    const asked = isOurs && values.nonce === undefined ? await server.challenge(selected.map(({ attester }) => attester.type)) : undefined
    const { freshness, attesterData } = readEvidenceRequest({
      nonce_type: values['nonce-type'],
      nonce: asked ?? jsonValue('nonce', values.nonce),
      user_nonce: values['user-nonce'],
      attester_data: jsonValue('attester-data', values['attester-data']),
    })
    const all = selected.map((enabled) => ({ enabled, policyIds: undefined }))
    const evidence = await collector.collect(all, freshness, attesterData)
    if (values.out === undefined) return { json: evidence, text: `${JSON.stringify(evidence)}\n` }
    await writeFile(values.out, `${JSON.stringify(evidence)}\n`)
    return { json: { out: values.out }, text: `${values.out}\n` }
  },
})
