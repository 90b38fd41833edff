// SM2 over a digest, as a TPM signs it, verified by OpenSSL's command line.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sm2Verify } from '@vouchsafe/tpm'

/** SubjectPublicKeyInfo of a key on the SM2 curve, up to its point (GM/T 0006, RFC 5480). */
const SPKI_START = Buffer.from('3059301306072a8648ce3d020106082a811ccf5501822d034200', 'hex')

export const opensslSm2: Sm2Verify = ({ point, digest, signature }) => {
  const cwd = mkdtempSync(join(tmpdir(), 'sm2-'))
  try {
    const [r, s] = [signature.subarray(0, 32), signature.subarray(32)].map((half) => `INTEGER:0x${Buffer.from(half).toString('hex')}`)
    writeFileSync(join(cwd, 'signature.conf'), `asn1=SEQUENCE:signature\n[signature]\nr=${r}\ns=${s}\n`)
    writeFileSync(join(cwd, 'digest'), digest)
    writeFileSync(join(cwd, 'key.der'), Buffer.concat([SPKI_START, point]))
    execFileSync('openssl', ['asn1parse', '-genconf', 'signature.conf', '-noout', '-out', 'signature.der'], { cwd })
    const key = ['-pubin', '-inkey', 'key.der', '-keyform', 'DER']
    execFileSync('openssl', ['pkeyutl', '-verify', ...key, '-in', 'digest', '-sigfile', 'signature.der'], { cwd, stdio: 'pipe' })
    return true
  } catch {
    return false
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}
