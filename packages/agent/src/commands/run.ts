import { CONFIG_OPTION, command } from '../command.ts'
import { loadConfig } from '../config.ts'
import { startDaemon } from '../daemon.ts'
import { createLog, logDestination } from '../log.ts'

export const runCommand = command({
  name: 'run',
  args: [],
  summary: 'Serve the REST API and attest on schedule, until stopped',
  options: CONFIG_OPTION,
  async run({ env, stdout, stderr, runtime, untilEnded }, _args, values) {
    const config = await loadConfig(values.config)
    const log = createLog(config.logging.level, logDestination(config.logging.file, stderr), runtime.now)
    await using daemon = await startDaemon({ config, log, runtime, env })
    stdout.write(`vouchsafe-agent: ${daemon.url === undefined ? 'running' : `listening on ${daemon.url}`}\n`)
    await untilEnded()
    return { json: {}, text: '' }
  },
})
