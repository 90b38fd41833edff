import { TpmWriter } from '../structures/writer.ts'
import { commandCodes } from './command-codes.ts'
import type { TpmCommand } from './tpm.ts'

/** TPM2_FlushContext (TPM 2.0 Library, Part 3, "TPM2_FlushContext"), whose handle is a parameter. */
export function flushCommand(handle: number): TpmCommand {
  return { code: commandCodes.FlushContext, handles: [], parameters: new TpmWriter().u32(handle).finish(), flushes: handle }
}
