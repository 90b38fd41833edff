import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

let known: { version: string; git_sha: string } | undefined

/** The product's version and, in a clone, the commit it runs; read once. */
export function readVersion(): { version: string; git_sha: string } {
  if (known) return known
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return (known = { version, git_sha: readCommit() })
}

function readCommit(): string {
  if (!existsSync(`${ROOT}.git`)) return 'unknown'
  try {
    const sha = execFileSync('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return sha.trim() || 'unknown'
  } catch {
    return 'unknown'
  }
}
