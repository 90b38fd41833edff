// tpm2-tools as a peer: other people's code on the same TPM.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Swtpm } from './swtpm.ts'

const execute = promisify(execFile)

/** Runs a tool such as `tpm2_quote` in the TPM's folder, then flushes what it left in the TPM; gives what it printed. Close our connections first. */
export async function tool(swtpm: Swtpm, name: string, ...args: string[]): Promise<string> {
  const options = { cwd: swtpm.dir, env: { ...process.env, TPM2TOOLS_TCTI: swtpm.tctiString, TSS2_LOG: 'all+NONE' } }
  const { stdout } = await execute(name, args, options)
  for (const kind of ['-t', '-l']) await execute('tpm2_flushcontext', [kind], options)
  return stdout
}
