// The table of all commands, in the order in which the help lists them; `help` itself comes from the framework.
import type { Command } from '@vouchsafe/command'
import type { Host } from './command.ts'
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

export const COMMANDS: readonly Command<Host>[] = [
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
]
