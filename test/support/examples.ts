// The examples of documents: found, run, and compared with what the document says that they print.
import { spawn } from 'node:child_process'

/** Printed between two examples. */
export const SEPARATOR = '@@ next block @@'

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

/** What differs from run to run, made equal: ids, base64, times, folders, the width of columns. */
export function mask(text: string, home: string): string {
  return text
    .replaceAll(home, '~')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<time>')
    .replaceAll(/[A-Za-z0-9+/]{24,}={0,2}/g, '<base64>')
    .replaceAll(/ +/g, ' ')
    .trim()
}

/** Runs a script in bash, which must succeed; gives what it printed. What it has started and not ended is ended with it. */
export function run(script: string, cwd: string, env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-euo', 'pipefail'], { cwd, env: { ...process.env, ...env }, detached: true })
    child.on('exit', () => endGroup(child.pid!))
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`exit ${code}\n${output}\n${errors}`))))
    child.stdin.end(script)
  })
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Everything has ended.
  }
}
