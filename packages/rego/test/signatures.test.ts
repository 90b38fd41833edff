// Tokens and certificates, with OpenSSL's command line as the peer that makes and checks them.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { valueOf } from './support/evaluate.ts'

const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-rego-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const path = (name: string) => join(folder, name)
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })

function authority(): string[] {
  const issue = (name: string, issuer: string | undefined, extensions: string[]) => {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/O=Test/CN=${name}`,
    )
    writeFileSync(path(`${name}.ext`), extensions.join('\n'))
    const signer = issuer ? ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'] : ['-signkey', `${name}.key`]
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-days', '30', '-extfile', `${name}.ext`, '-out', `${name}.pem`)
    return readFileSync(path(`${name}.pem`), 'utf8')
  }
  return [
    issue('root', undefined, ['basicConstraints=critical,CA:TRUE,pathlen:1', 'keyUsage=keyCertSign']),
    issue('middle', 'root', ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=keyCertSign']),
    issue('leaf.test', 'middle', [
      'basicConstraints=CA:FALSE',
      'extendedKeyUsage=clientAuth',
      'subjectAltName=DNS:leaf.test,IP:10.1.2.3,URI:https://leaf.test/a',
    ]),
    issue('rogue', 'leaf.test', ['basicConstraints=CA:FALSE']),
  ]
}

const [root, middle, leaf, rogue] = authority() as [string, string, string, string]
const chain = (certificates: string[], options?: object) => {
  const name = options ? 'crypto.x509.parse_and_verify_certificates_with_options' : 'crypto.x509.parse_and_verify_certificates'
  return valueOf(`x := ${name}(${options ? 'input.certificates, input.options' : 'input.certificates'})`, {
    input: { certificates: certificates.join('\n'), options },
  }) as [boolean, { Subject: { CommonName: string } }[]]
}
const CLIENT = { KeyUsages: ['KeyUsageClientAuth'] }

test('a JSON Web Key with an RSA exponent as long as its modulus is no key', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = publicKey.export({ format: 'jwk' })
  const text = `${[{ alg: 'RS256' }, {}].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}`
  const token = `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
  const verified = (e: string) =>
    valueOf('x := io.jwt.verify_rs256(input.token, input.key)', { input: { token, key: JSON.stringify({ ...jwk, e }) } })
  assert.equal(verified(jwk.e!), true)
  assert.equal(verified(jwk.n!), undefined)
})

test('a chain is verified from the leaf over intermediates to the root', () => {
  const [valid, found] = chain([root, middle, leaf], CLIENT)
  assert.equal(valid, true)
  assert.deepEqual(
    found.map(({ Subject }) => Subject.CommonName),
    ['leaf.test', 'middle', 'root'],
  )
  openssl('verify', '-CAfile', 'root.pem', '-untrusted', 'middle.pem', 'leaf.test.pem')
})

test('chains are refused for usage, name, time, gaps, and issuers that are no authorities', () => {
  assert.deepEqual(chain([root, middle, leaf]), [false, []])
  assert.deepEqual(chain([root, leaf], CLIENT), [false, []])
  assert.deepEqual(chain([middle, root, leaf], { ...CLIENT, DNSName: 'other.test' }), [false, []])
  assert.equal(chain([root, middle, leaf], { ...CLIENT, DNSName: 'leaf.test' })[0], true)
  assert.deepEqual(chain([root, middle, leaf], { ...CLIENT, CurrentTime: 4_000_000_000_000_000_000 }), [false, []])
  assert.deepEqual(chain([root, middle, leaf, rogue], CLIENT), [false, []])
})

test('the fields of a certificate are what OpenSSL says of it', () => {
  const [certificate] = valueOf('x := crypto.x509.parse_certificates(input)', { input: leaf }) as Record<string, unknown>[]
  assert.deepEqual(certificate?.['DNSNames'], ['leaf.test'])
  assert.deepEqual(certificate?.['IPAddresses'], ['10.1.2.3'])
  assert.deepEqual(certificate?.['URIStrings'], ['https://leaf.test/a'])
  assert.deepEqual([certificate?.['IsCA'], certificate?.['ExtKeyUsage'], certificate?.['SignatureAlgorithm']], [false, [2], 10])
  const serial = openssl('x509', '-in', 'leaf.test.pem', '-noout', '-serial').toString().trim().split('=')[1]!
  assert.equal(certificate?.['SerialNumber'], BigInt(`0x${serial}`))
})

test('a token of a certificate’s key is verified by the certificate', () => {
  const head = ['{"alg":"ES256"}', '{"iss":"me"}'].map((part) => Buffer.from(part).toString('base64url')).join('.')
  writeFileSync(path('signed'), head)
  const der = openssl('dgst', '-sha256', '-sign', 'leaf.test.key', 'signed')
  const integer = (at: number) => Buffer.concat([Buffer.alloc(32), der.subarray(at + 2, at + 2 + der[at + 1]!)]).subarray(-32)
  const signature = Buffer.concat([integer(2), integer(4 + der[3]!)]).toString('base64url')
  const input = { token: `${head}.${signature}`, certificate: leaf, other: root }
  assert.equal(valueOf('x := io.jwt.verify_es256(input.token, input.certificate)', { input }), true)
  assert.equal(valueOf('x := io.jwt.verify_es256(input.token, input.other)', { input }), false)
  assert.deepEqual(valueOf('x := io.jwt.decode_verify(input.token, {"cert": input.certificate, "iss": "me", "alg": "ES256"})', { input }), [
    true,
    { alg: 'ES256' },
    { iss: 'me' },
  ])
})

test('tokens are signed with every kind of key, and verified by another implementation', () => {
  const keys = {
    PS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    EdDSA: generateKeyPairSync('ed25519'),
  }
  for (const [alg, { privateKey, publicKey }] of Object.entries(keys)) {
    const input = { header: { alg }, key: privateKey.export({ format: 'jwk' }) }
    const token = String(valueOf('x := io.jwt.encode_sign(input.header, {"a": {2, 1}}, input.key)', { input }))
    const [header, payload, signature] = token.split('.') as [string, string, string]
    assert.equal(Buffer.from(payload, 'base64url').toString(), '{"a":[1,2]}')
    const key = createPublicKey({ key: publicKey.export({ format: 'jwk' }), format: 'jwk' })
    const how = alg === 'PS256' ? { key, padding: 6, saltLength: 32 } : alg === 'ES384' ? { key, dsaEncoding: 'ieee-p1363' as const } : key
    const digest = alg === 'EdDSA' ? null : alg === 'ES384' ? 'sha384' : 'sha256'
    assert.equal(verify(digest, Buffer.from(`${header}.${payload}`), how, Buffer.from(signature, 'base64url')), true, alg)
  }
})

test('a key of another algorithm never verifies: no confusion of public keys with secrets', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const key = { kty: 'oct', k: Buffer.from(pem).toString('base64url') }
  const token = valueOf('x := io.jwt.encode_sign({"alg": "HS256"}, {}, input)', { input: key })
  const input = { token, pem }
  assert.deepEqual(valueOf('x := io.jwt.decode_verify(input.token, {"cert": input.pem})', { input }), [false, {}, {}])
  assert.equal(valueOf('x := io.jwt.verify_rs256(input.token, input.pem)', { input }), false)
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`
  assert.deepEqual(valueOf('x := io.jwt.decode_verify(input.none, {"secret": ""})', { input: { none } }), [false, {}, {}])
})

test('certificates are read from strict DER alone, one after the other', () => {
  const [first, second] = [leaf, middle].map((pem) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')) as [Buffer, Buffer]
  const parsed = (der: Uint8Array) => valueOf('x := crypto.x509.parse_certificates(input)', { input: Buffer.from(der).toString('base64') })
  assert.equal((parsed(Buffer.concat([first, second])) as unknown[]).length, 2)
  const body = first.subarray(4)
  for (const [why, der] of Object.entries({
    'bytes after it': Buffer.concat([first, Buffer.of(0)]),
    'a length that is not minimal': Buffer.concat([Buffer.from('308300', 'hex'), first.subarray(2)]),
    'an indefinite length': Buffer.concat([Buffer.from('3080', 'hex'), body, Buffer.alloc(2)]),
  }))
    assert.equal(parsed(der), undefined, why)
})

test('malformed DER, PEM and tokens are errors, not crashes', () => {
  const der = Buffer.from(leaf.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  for (let at = 0; at < der.length; at += 7) {
    const broken = Buffer.from(der)
    broken[at]! ^= 0xff
    for (const bytes of [broken, der.subarray(0, at)]) {
      const input = bytes.toString('base64')
      valueOf('x := [crypto.x509.parse_certificates(input), crypto.x509.parse_and_verify_certificates(input)]', { input })
      valueOf('x := crypto.x509.parse_certificate_request(input)', { input })
    }
  }
  for (const input of ['', '.', '..', 'a.b.c', 'e30.e30.', '....', `${'.'.repeat(100_000)}`])
    assert.equal(valueOf('x := io.jwt.decode(input)', { input: `${input}%` }), undefined)
})
