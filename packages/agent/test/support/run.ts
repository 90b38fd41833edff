// The agent's commands in this process.
import { Writable } from 'node:stream'
import { systemRuntime } from '../../src/runtime.ts'
import type { Runtime } from '../../src/runtime.ts'
import { run } from '../../src/run.ts'

export interface Ran {
  code: number
  stdout: string
  stderr: string
  /** What was printed, as JSON. */
  json(): unknown
}

export async function agent(argv: readonly string[], runtime: Runtime = systemRuntime): Promise<Ran> {
  const [stdout, stderr] = [collector(), collector()]
  const code = await run(argv, { env: {}, stdout: stdout.stream, stderr: stderr.stream, runtime, untilEnded: async () => undefined })
  return { code, stdout: stdout.text(), stderr: stderr.text(), json: () => JSON.parse(stdout.text()) as unknown }
}

/** A command that must succeed; gives what it printed. */
export async function agentOk(argv: readonly string[], runtime?: Runtime): Promise<Ran> {
  const ran = await agent(argv, runtime)
  if (ran.code !== 0) throw new Error(`exit code ${ran.code}: ${ran.stderr}${ran.stdout}`)
  return ran
}

function collector() {
  let text = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  return { stream, text: () => text }
}
