import type { Command } from '@vouchsafe/command'
import { CONFIG_OPTION, command } from '../command.ts'
import type { Host } from '../command.ts'
import { AGENT_VERSION } from '../version.ts'
import { doctorCommand } from './doctor.ts'
import { evidenceCommand } from './evidence.ts'
import { provisionCommand } from './provision.ts'
import { runCommand } from './run.ts'
import { tokenCommand } from './token.ts'

const versionCommand = command({
  name: 'version',
  args: [],
  summary: 'Print the version',
  options: CONFIG_OPTION,
  run: async () => ({ json: { version: AGENT_VERSION }, text: `vouchsafe-agent ${AGENT_VERSION}\n` }),
})

/** In the order in which the help lists them; `help` itself comes from the framework. */
export const COMMANDS: readonly Command<Host>[] = [
  provisionCommand,
  doctorCommand,
  evidenceCommand,
  tokenCommand,
  runCommand,
  versionCommand,
]
