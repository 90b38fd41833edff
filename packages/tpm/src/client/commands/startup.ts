// TPM 2.0 Library, Part 3, "Start-up".
import { TpmWriter } from '../../structures/writer.ts'
import { commandCodes } from '../command-codes.ts'
import type { Tpm } from '../tpm.ts'

/** TPM_SU (Part 2, §6.10): CLEAR starts afresh; STATE keeps what the last shutdown saved. */
const startupTypes = { clear: 0, state: 1 } as const

export type StartupType = keyof typeof startupTypes

/** TPM2_Startup, which firmware sends; an emulator may need it. Fails with TPM_RC_INITIALIZE when the TPM was started before. */
export async function startup(tpm: Tpm, type: StartupType = 'clear'): Promise<void> {
  await tpm.execute({ code: commandCodes.Startup, handles: [], parameters: new TpmWriter().u16(startupTypes[type]).finish() })
}

/** TPM2_Shutdown: prepares the TPM for the loss of power. */
export async function shutdown(tpm: Tpm, type: StartupType = 'clear'): Promise<void> {
  await tpm.execute({ code: commandCodes.Shutdown, handles: [], parameters: new TpmWriter().u16(startupTypes[type]).finish() })
}
