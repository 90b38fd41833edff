/** A certificate for trials: created at start-up, kept in the data directory, and renewed before it expires. */
import { X509Certificate, createPrivateKey, generateKeyPair } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EKU, issueCertificate, toPem } from '@vouchsafe/x509'
import { replaceFile, type Runtime } from '../foundation/index.ts'

const NAME = 'CN=Vouchsafe self-signed'
const DAY_MS = 24 * 60 * 60 * 1000
const LIFE_DAYS = 365
/** A certificate that expires within this time is replaced at start-up. */
const RENEW_DAYS = 30

const generate = promisify(generateKeyPair)

/**
 * The files of a self-signed certificate (P-256) for this machine's names and `host`, created if there is no usable one, or if it is
 * about to expire or lacks one of these names.
 */
export async function selfSignedFiles(dataDir: string, hosts: readonly string[], runtime: Runtime): Promise<{ cert: string; key: string }> {
  const files = { cert: join(dataDir, 'tls-self-signed.pem'), key: join(dataDir, 'tls-self-signed.key') }
  const wildcard = ['0.0.0.0', '::']
  // An IPv6 address of a URL is in brackets.
  const given = hosts.filter((host) => !wildcard.includes(host)).map((host) => host.replace(/^\[(.*)\]$/, '$1'))
  const names = [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...given])]
  if (isUsable(files, names, runtime)) return files
  const { privateKey, publicKey } = await generate('ec', { namedCurve: 'P-256' })
  const now = runtime.now()
  const certificate = await issueCertificate({
    subject: NAME,
    issuer: NAME,
    publicKey,
    signer: privateKey,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + LIFE_DAYS * DAY_MS),
    basicConstraints: { ca: false },
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [EKU.serverAuth],
    subjectAltName: names.map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
  })
  await replaceFile(files.key, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, 0o600)
  await replaceFile(files.cert, toPem('CERTIFICATE', certificate.der), 0o644)
  return files
}

function isUsable({ cert, key }: { cert: string; key: string }, names: readonly string[], runtime: Runtime): boolean {
  if (!existsSync(cert) || !existsSync(key)) return false
  const certificate = pairIn(cert, key)
  if (!certificate) return false
  const has = (name: string): boolean => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined
  return certificate.validToDate.getTime() - runtime.now() > RENEW_DAYS * DAY_MS && names.every(has)
}

/** The certificate, if the key is its own: a killed server, or another one, may have written only one of the two. */
function pairIn(cert: string, key: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(readFileSync(cert))
    return certificate.checkPrivateKey(createPrivateKey(readFileSync(key))) ? certificate : undefined
  } catch (error) {
    // A file that cannot be read for lack of permission must not be replaced.
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error
    return undefined
  }
}
