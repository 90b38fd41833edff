// The table of all commands, in the order in which the help lists them.
import type { Command } from './command.ts'
import { UsageError, command } from './command.ts'
import { appChangeCommands } from './commands/app-changes.ts'
import { appCommands } from './commands/apps.ts'
import { attestationKeyCommands } from './commands/attestation-keys.ts'
import { attestationCommands } from './commands/attestation.ts'
import { authorityPolicyCommands } from './commands/authority-policies.ts'
import { baselineMakeCommands } from './commands/baseline-make.ts'
import { baselineCommands } from './commands/baselines.ts'
import { certificateCommands } from './commands/certificates.ts'
import { auditCommands } from './commands/audit.ts'
import { backupCommands } from './commands/backup.ts'
import { encryptionCommands } from './commands/encryption.ts'
import { enrollTokenCommands } from './commands/enroll-tokens.ts'
import { enrollCommands } from './commands/enroll.ts'
import { keyDeletionCommands } from './commands/key-deletion.ts'
import { keyImportCommands } from './commands/key-import.ts'
import { keyListCommands } from './commands/key-list.ts'
import { keyCommands } from './commands/keys.ts'
import { policyCommands } from './commands/policy.ts'
import { quoteCommands } from './commands/quote.ts'
import { quotePolicyCommands } from './commands/quote-policies.ts'
import { quoteServerCommands } from './commands/quote-server.ts'
import { registerCommands } from './commands/register.ts'
import { runCommands } from './commands/run.ts'
import { sealCommands } from './commands/seal.ts'
import { secretDeletionCommands } from './commands/secret-deletion.ts'
import { secretListCommands } from './commands/secret-list.ts'
import { secretRotationCommands } from './commands/secret-rotation.ts'
import { secretCommands } from './commands/secrets.ts'
import { serverCommands } from './commands/server.ts'
import { signatureCommands } from './commands/signature.ts'
import { signingKeyCommands } from './commands/signing-keys.ts'
import { tpmCommands } from './commands/tpm.ts'
import { trailCommands } from './commands/trail.ts'
import { userCommands } from './commands/users.ts'
import { versionCommands } from './commands/version.ts'
import { commandHelp, listHelp } from './help.ts'
import { findCommand } from './parse.ts'

const helpCommand = command({
  name: 'help',
  args: ['[COMMAND…]'],
  summary: 'List the commands, or explain one',
  options: {},
  async run(_host, words) {
    const wanted = words.length === 0 ? COMMANDS : commandsOf(words)
    const json = { commands: wanted.map(({ name, args, summary, options }) => ({ name, args, summary, options })) }
    return { json, text: wanted.length === 1 ? commandHelp(wanted[0]!) : listHelp(wanted) }
  },
})

export const COMMANDS: readonly Command[] = [
  ...serverCommands,
  ...enrollCommands,
  ...keyListCommands,
  ...keyCommands,
  ...keyImportCommands,
  ...keyDeletionCommands,
  ...encryptionCommands,
  ...signatureCommands,
  ...secretCommands,
  ...secretListCommands,
  ...secretDeletionCommands,
  ...secretRotationCommands,
  ...runCommands,
  ...appCommands,
  ...appChangeCommands,
  ...enrollTokenCommands,
  ...sealCommands,
  ...backupCommands,
  ...auditCommands,
  ...trailCommands,
  ...userCommands,
  ...signingKeyCommands,
  ...registerCommands,
  ...certificateCommands,
  ...authorityPolicyCommands,
  ...policyCommands,
  ...baselineCommands,
  ...baselineMakeCommands,
  ...attestationCommands,
  ...attestationKeyCommands,
  ...quoteCommands,
  ...quoteServerCommands,
  ...quotePolicyCommands,
  ...tpmCommands,
  ...versionCommands,
  helpCommand,
]

/** One command, or those of a group such as `keys`. Throws UsageError. */
export function commandsOf(words: readonly string[]): readonly Command[] {
  const group = COMMANDS.filter((each) => each.name.startsWith(`${words.join(' ')} `))
  if (group.length > 0) return group
  const { command: found, rest } = findCommand(COMMANDS, words)
  if (rest.length > 0) throw new UsageError(`unexpected argument '${rest[0]}'`)
  return [found]
}
