// A certificate authority of a test's own, by OpenSSL.
import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certificatesFromPem, issueCrl, toPem } from '@vouchsafe/x509'

const HOUR_MS = 60 * 60 * 1000

export interface IssuedFiles {
  cert: string
  key: string
}

export interface TestCa extends Disposable {
  /** The CA's certificate, a PEM file. */
  file: string
  /** Issues a certificate for a subject such as `/CN=client`, good for localhost; gives PEM files. */
  issue(subject: string): IssuedFiles
  /** A PEM file of the CA's CRL with these certificates. */
  crl(...revoked: IssuedFiles[]): Promise<string>
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
    async crl(...revoked) {
      const [issuer] = certificatesFromPem(readFileSync(join(folder, 'ca.pem'), 'utf8'))
      const now = Date.now()
      const list = await issueCrl({
        issuer: issuer!,
        signer: createPrivateKey(readFileSync(join(folder, 'ca.key'))),
        thisUpdate: new Date(now - HOUR_MS),
        nextUpdate: new Date(now + HOUR_MS),
        number: ++issued,
        revoked: revoked.map(({ cert }) => ({
          serialNumber: certificatesFromPem(readFileSync(cert, 'utf8'))[0]!.serialNumber,
          date: new Date(now - HOUR_MS),
        })),
      })
      const file = join(folder, `${issued}.crl`)
      writeFileSync(file, toPem('X509 CRL', list.der))
      return file
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
