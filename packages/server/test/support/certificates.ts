// A certificate authority of a test's own, by OpenSSL.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface IssuedFiles {
  cert: string
  key: string
}

export interface TestCa extends Disposable {
  /** The CA's certificate, a PEM file. */
  file: string
  /** Issues a certificate for a subject such as `/CN=client`, good for localhost; gives PEM files. */
  issue(subject: string): IssuedFiles
}

export function testCa(): TestCa {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-ca-'))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test CA')
  writeFileSync(join(folder, 'extensions'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  let issued = 0
  return {
    file: join(folder, 'ca.pem'),
    issue(subject) {
      const name = `${++issued}`
      openssl('req', '-new', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject)
      const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'extensions']
      openssl('x509', '-req', '-in', `${name}.csr`, ...ca, '-out', `${name}.pem`)
      return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}

/** What a client shows and trusts. */
export function clientOptions(ca: TestCa, client?: IssuedFiles) {
  return {
    ca: readFileSync(ca.file),
    ...(client === undefined ? {} : { cert: readFileSync(client.cert), key: readFileSync(client.key) }),
  }
}
