// SM2 over a digest, as a TPM signs it, made and verified by OpenSSL's command line.
import { execFileSync } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sm2Verify } from '@vouchsafe/tpm'

/** SubjectPublicKeyInfo of a key on the SM2 curve, up to its point (GM/T 0006, RFC 5480). */
const SPKI_START = Buffer.from('3059301306072a8648ce3d020106082a811ccf5501822d034200', 'hex')

/** r ‖ s over a digest of 32 bytes. */
export function opensslSm2Sign(privateKey: KeyObject, digest: Uint8Array): Uint8Array {
  const cwd = mkdtempSync(join(tmpdir(), 'sm2-'))
  try {
    writeFileSync(join(cwd, 'key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }))
    const der = execFileSync('openssl', ['pkeyutl', '-sign', '-inkey', 'key.pem'], { cwd, input: digest, stdio: 'pipe' })
    const at = 4 + der[3]!
    const halves = [der.subarray(4, at), der.subarray(at + 2)]
    return Buffer.concat(halves.map((half) => Buffer.concat([Buffer.alloc(32), half]).subarray(-32)))
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

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
