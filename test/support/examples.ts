// The examples of a document, run as a reader would.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startTestServer } from '@vouchsafe/testkit/server'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Printed between two examples. */
export const SEPARATOR = '@@ next block @@'

/** Runs a document's examples one after another, against a server and an emulated TPM of their own. */
export function testExamples(document: string): void {
  test(`${document}: every example runs and prints what the document says`, async () => {
    const blocks = examples(await readFile(join(ROOT, document), 'utf8'))
    assert.ok(blocks.length > 0)
    await using server = await startTestServer()
    await using swtpm = await startSwtpm()
    const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-docs-'))
    try {
      await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
      const script = blocks.map(({ code }) => `${code}\necho '${SEPARATOR}'\n`).join('')
      const output = await run(script.replaceAll('http://127.0.0.1:9000', server.url), folder, {
        VOUCHSAFE_URL: server.url,
        VOUCHSAFE_DATA_DIR: server.dataDir,
        VOUCHSAFE_TPM: swtpm.address,
        TPM2TOOLS_TCTI: swtpm.tctiString,
        XDG_CONFIG_HOME: join(folder, '.config'),
        npm_config_offline: 'true',
      })
      const printed = output.split(`${SEPARATOR}\n`)
      blocks.forEach(({ code, expected }, i) => {
        if (expected !== undefined) assert.equal(mask(printed[i]!, folder), mask(expected, '/home/you'), code)
      })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
}

export interface Example {
  /** What a shell runs. */
  code: string
  expected: string | undefined
}

/** The `sh` and `python` blocks of a document, each with the `text` block that follows it at once. Blocks marked otherwise are for reading. */
export function examples(document: string): Example[] {
  const blocks = document.matchAll(/```(sh|python)\n([\s\S]*?)```(?:\n```text\n([\s\S]*?)```)?/g)
  return [...blocks].map(([, language, code, expected]) => ({
    code: language === 'python' ? `python3 - <<'PYTHON'\n${code}PYTHON` : code!,
    expected,
  }))
}

/** What differs from run to run, made equal: ids, base64, times, operators, folders, the width of columns. */
export function mask(text: string, home: string): string {
  return (
    text
      .replaceAll(home, '~')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
      // Whoever runs the tests.
      .replaceAll(/operator:\d+(?::[\w.-]+)?/g, '<operator>')
      // A server makes some soon after its start.
      .replaceAll(/\d+ blobs/g, '<n> blobs')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<time>')
      .replaceAll(/[A-Za-z0-9+/]{24,}={0,2}/g, '<base64>')
      .replaceAll(/ +/g, ' ')
      .trim()
  )
}

/** Runs a script in bash, which must succeed; gives what it printed. What it has started and not ended is ended with it. */
export function run(script: string, cwd: string, env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-euo', 'pipefail'], { cwd, env: { ...process.env, ...env }, detached: true })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    child.on('error', reject)
    // Not on 'close': what runs in the background holds the pipes open.
    child.on('exit', () => endGroup(child.pid!))
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`exit ${code}\n${output}\n${errors}`))))
    child.stdin.end(script)
  })
}

/** Ends what a script that failed has left in the background. */
function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // All have ended.
  }
}
