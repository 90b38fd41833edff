import { CONFIG_OPTION, command } from '../command.ts'
import { loadConfig } from '../config.ts'
import { examine } from '../doctor.ts'
import { connectServer } from '../server-client.ts'

export const doctorCommand = command({
  name: 'doctor',
  args: [],
  summary: 'Check the TPM, the key, its certificate, the logs, the clock and the server, and say what to do',
  options: CONFIG_OPTION,
  async run({ runtime }, _args, values) {
    const config = await loadConfig(values.config)
    const findings = await examine(config, () => connectServer(config.server), runtime.now)
    const lines = findings.flatMap(({ name, state, found, advice }) => [
      `${{ ok: 'ok     ', warning: 'WARNING', failed: 'FAILED ' }[state]}  ${name}: ${found}`,
      ...(advice === undefined ? [] : [`         -> ${advice}`]),
    ])
    return { json: { findings }, text: `${lines.join('\n')}\n`, exitCode: findings.some(({ state }) => state === 'failed') ? 1 : 0 }
  },
})
