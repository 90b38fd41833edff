/** The openssl command line as a peer, over files in a directory of the test's own. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export interface Peer extends Disposable {
  /** Writes a file and answers its path. */
  file(name: string, content: string | Uint8Array): string
  /** Runs openssl; `-out FILE` may be read back with `read`. Throws when it exits non-zero. */
  run(...args: string[]): Buffer
  /** Whether openssl exits with 0. */
  accepts(...args: string[]): boolean
  read(name: string): Buffer
  path(name: string): string
}

export function opensslPeer(): Peer {
  const directory = mkdtempSync(join(tmpdir(), 'vouchsafe-crypto-'))
  const path = (name: string): string => join(directory, name)
  const run = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  return {
    path,
    run,
    file(name, content) {
      writeFileSync(path(name), content)
      return path(name)
    },
    accepts(...args) {
      try {
        run(...args)
        return true
      } catch {
        return false
      }
    },
    read: (name) => readFileSync(path(name)),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

export function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

export function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }) as string
}
