import { command } from '../command-line.ts'
import type { Command } from '../command-line.ts'
import { AGENT_VERSION } from '../version.ts'
import { doctorCommand } from './doctor.ts'
import { evidenceCommand } from './evidence.ts'
import { provisionCommand } from './provision.ts'
import { runCommand } from './run.ts'
import { tokenCommand } from './token.ts'

const versionCommand = command({
  name: 'version',
  summary: 'Print the version',
  options: {},
  run: async () => ({ json: { version: AGENT_VERSION }, text: `vouchsafe-agent ${AGENT_VERSION}\n` }),
})

/** In the order in which the help lists them. */
export const COMMANDS: readonly Command[] = [provisionCommand, doctorCommand, evidenceCommand, tokenCommand, runCommand, versionCommand]
