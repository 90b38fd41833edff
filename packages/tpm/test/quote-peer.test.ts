// What a TPM signs, made by swtpm and tpm2-tools and read here; what is made here, verified by tpm2_checkquote.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ecAk, rsaAk, softwareQuote, someBank } from '@vouchsafe/testkit/software-quote'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import type { Swtpm } from '@vouchsafe/testkit/swtpm'
import { tool } from '@vouchsafe/testkit/tpm2-tools'
import type { Attest, HashAlgorithm, PcrBank, QuoteEvidence, Sm2Verify } from '../src/index.ts'
import {
  digestSizes,
  encodeAttest,
  encodePublicArea,
  encodeSignature,
  encodeSized,
  encodeCreationData,
  hash,
  nvName,
  objectName,
  parseAttest,
  parseCreationData,
  parseNvPublic,
  parsePublicArea,
  parseSignature,
  parseSized,
  publicAreaKey,
  publicAreaOf,
  publicAreaSpki,
  qualifiedName,
  verifyQuote,
  verifySignature,
} from '../src/index.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const ATTRIBUTES = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
const OWNER = Uint8Array.of(0x40, 0x00, 0x00, 0x01)
const ENDORSEMENT = Uint8Array.of(0x40, 0x00, 0x00, 0x0b)
const NONCE = 'c0ffee00c0ffee00c0ffee00c0ffee00'
const BANKS = ['sha1', 'sha256', 'sha384', 'sha512'] as const satisfies HashAlgorithm[]

let swtpm: Swtpm

before(async () => {
  swtpm = await startSwtpm()
  for (const index of [0, 7, 10, 23]) {
    const digests = BANKS.map((bank) => `${bank}=${createHash(bank).update(`event ${index}`).digest('hex')}`)
    await run('pcrextend', `${index}:${digests.join(',')}`)
  }
})
after(() => swtpm?.stop())

const run = (name: string, ...args: string[]) => tool(swtpm, `tpm2_${name}`, ...args)
const read = (name: string) => new Uint8Array(readFileSync(swtpm.path(name)))

/** Keys of the endorsement hierarchy: for others the TPM obfuscates its counters. */
async function createAk(algorithm: string): Promise<void> {
  await run('createprimary', '-Q', '-C', 'e', '-G', algorithm, '-a', ATTRIBUTES, '-c', 'ak.ctx')
  await run('readpublic', '-Q', '-c', 'ak.ctx', '-f', 'tpmt', '-o', 'ak.tpmt', '-n', 'ak.name')
}

/** A quote of these PCRs, whose values tpm2_quote writes one after the other. */
async function quote(scheme: string, hashAlgorithm: string, selection: Partial<Record<HashAlgorithm, number[]>>): Promise<QuoteEvidence> {
  const banks = Object.entries(selection) as [HashAlgorithm, number[]][]
  const list = banks.map(([bank, indices]) => `${bank}:${indices.join(',')}`).join('+')
  const what = ['-c', 'ak.ctx', '--scheme', scheme, '-g', hashAlgorithm, '-l', list, '-q', NONCE]
  await run('quote', '-Q', ...what, '-m', 'quote', '-s', 'signature', '-o', 'pcrs', '-F', 'values')
  const values = read('pcrs')
  let offset = 0
  const pcrs: PcrBank[] = banks.map(([algorithm, indices]) => {
    const size = digestSizes[algorithm]
    return { algorithm, values: new Map(indices.map((index) => [index, values.slice(offset, (offset += size))])) }
  })
  assert.equal(offset, values.length)
  return {
    quote: read('quote'),
    signature: read('signature'),
    publicKey: publicAreaKey(parsePublicArea(read('ak.tpmt'))),
    qualifyingData: Buffer.from(NONCE, 'hex'),
    pcrs,
  }
}

/** SM2 over a digest, by OpenSSL. */
const opensslSm2: Sm2Verify = ({ digest, signature }) => {
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)].map((half) => `INTEGER:0x${hex(half)}`)
  writeFileSync(swtpm.path('sm2.conf'), `asn1=SEQUENCE:signature\n[signature]\nr=${r}\ns=${s}\n`)
  writeFileSync(swtpm.path('digest'), digest)
  try {
    execFileSync('openssl', ['asn1parse', '-genconf', 'sm2.conf', '-noout', '-out', 'sm2.der'], { cwd: swtpm.dir })
    const key = ['-pubin', '-inkey', 'ak.der', '-keyform', 'DER']
    execFileSync('openssl', ['pkeyutl', '-verify', ...key, '-in', 'digest', '-sigfile', 'sm2.der'], { cwd: swtpm.dir, stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

for (const [key, scheme, hashes] of [
  ['rsa2048', 'rsassa', ['sha256', 'sha384', 'sha512']],
  ['rsa2048', 'rsapss', ['sha256', 'sha384', 'sha512']],
  ['rsa3072', 'rsapss', ['sha384']],
  ['ecc256', 'ecdsa', ['sha256', 'sha384', 'sha512']],
  ['ecc384', 'ecdsa', ['sha384']],
  ['ecc521', 'ecdsa', ['sha512']],
  ['ecc_sm2', 'sm2', ['sha256']],
] as const) {
  for (const hashAlgorithm of hashes) {
    test(`a TPM's key ${key}, its Name, and its quotes by ${scheme} with ${hashAlgorithm} of every bank are read and verified`, async () => {
      await createAk(`${key}:${scheme}-${hashAlgorithm}:null`)
      const area = parsePublicArea(read('ak.tpmt'))
      assert.deepEqual(encodePublicArea(area), read('ak.tpmt'))
      assert.equal(hex(objectName(area)), hex(read('ak.name')))
      writeFileSync(swtpm.path('ak.der'), publicAreaSpki(area))
      if (scheme !== 'sm2') {
        // tpm2_readpublic can't export SM2.
        await run('readpublic', '-Q', '-c', 'ak.ctx', '-f', 'der', '-o', 'tools.der')
        assert.equal(hex(read('ak.der')), hex(read('tools.der')))
      }
      assert.deepEqual(area.attributes, ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth', 'restricted', 'sign'])

      const all = [...BANKS.map((bank) => ({ [bank]: [0, 7, 10, 17, 23] })), { sha1: [10], sha256: [0, 1, 2, 3, 4, 5, 6, 7], sha512: [23] }]
      for (const selection of all) {
        const evidence = await quote(scheme, hashAlgorithm, selection)
        const verdict = verifyQuote(evidence, { sm2Verify: opensslSm2 })
        assert.deepEqual(
          verdict.checks.filter(({ passed }) => !passed),
          [],
        )
        assert.ok(verdict.valid)
        const { attest, signature } = verdict
        assert.deepEqual(encodeAttest(attest!), evidence.quote)
        assert.deepEqual(encodeSignature(signature!), evidence.signature)
        assert.equal(hex(attest!.qualifiedSigner), hex(qualifiedName(ENDORSEMENT, objectName(area), 'sha256')))
        assert.equal(attest!.clockInfo.resetCount, 1)
        const changed = evidence.quote.with(-1, evidence.quote.at(-1)! ^ 1)
        assert.ok(!verifyQuote({ ...evidence, quote: changed }, { sm2Verify: opensslSm2 }).valid)
      }
    })
  }
}

test("a TPM's SHA-1 signature is refused unless it is allowed", async () => {
  await createAk('rsa2048:rsassa-sha1:null')
  const evidence = await quote('rsassa', 'sha1', { sha256: [7] })
  assert.ok(!verifyQuote(evidence).valid)
  assert.ok(verifyQuote(evidence, { allowedHashes: ['sha1'] }).valid)
})

for (const [name, ak] of Object.entries({
  rsassa: rsaAk(2048, 'rsassa', 'sha256'),
  ecdsa: ecAk('P-256', 'sha256'),
})) {
  test(`a quote made here with ${name} is verified by tpm2_checkquote, and refused by it for another nonce or PCR value`, async () => {
    const banks = [someBank('sha1', [0, 10]), someBank('sha256', [3, 7, 23])]
    const made = softwareQuote(ak, Buffer.from(NONCE, 'hex'), banks)
    const values = new Uint8Array(Buffer.concat(banks.flatMap((bank) => [...bank.values.values()])))
    writeFileSync(swtpm.path('our.quote'), made.quote)
    writeFileSync(swtpm.path('our.signature'), made.signature)
    writeFileSync(swtpm.path('our.pcrs'), values)
    writeFileSync(swtpm.path('other.pcrs'), values.with(0, values[0]! ^ 1))
    writeFileSync(swtpm.path('our.pem'), ak.publicKey.export({ type: 'spki', format: 'pem' }))
    const check = (nonce: string, pcrs: string) =>
      run('checkquote', '-u', 'our.pem', '-m', 'our.quote', '-s', 'our.signature', '-q', nonce, '-f', pcrs, '-l', 'sha1:0,10+sha256:3,7,23')
    await check(NONCE, 'our.pcrs')
    await assert.rejects(check('00', 'our.pcrs'))
    await assert.rejects(check(NONCE, 'other.pcrs'))
  })
}

test('a quote made here with rsapss is verified by a TPM (tpm2_checkquote 5.4 refuses those of TPMs too)', async () => {
  const ak = rsaAk(2048, 'rsapss', 'sha256')
  const made = softwareQuote(ak, Buffer.from(NONCE, 'hex'), [someBank('sha256', [7])])
  writeFileSync(swtpm.path('our.quote'), made.quote)
  writeFileSync(swtpm.path('our.signature'), made.signature)
  const area = publicAreaOf(ak.publicKey, { nameAlg: 'sha256', attributes: ['userWithAuth', 'sign'], authPolicy: new Uint8Array() })
  writeFileSync(swtpm.path('our.pub'), encodeSized(encodePublicArea(area)))
  await run('loadexternal', '-Q', '-C', 'n', '-u', 'our.pub', '-c', 'our.ctx', '-n', 'our.name')
  assert.equal(hex(read('our.name')), hex(objectName(area)))
  await run('verifysignature', '-Q', '-c', 'our.ctx', '-g', 'sha256', '-m', 'our.quote', '-s', 'our.signature')
  writeFileSync(swtpm.path('our.quote'), made.quote.with(-1, made.quote.at(-1)! ^ 1))
  await assert.rejects(run('verifysignature', '-Q', '-c', 'our.ctx', '-g', 'sha256', '-m', 'our.quote', '-s', 'our.signature'))
})

test('every other kind of attestation that a TPM makes is read, written again the same, and its signature verified', async () => {
  await createAk('ecc256:ecdsa-sha256:null')
  const area = parsePublicArea(read('ak.tpmt'))
  const attested = (): Attest => {
    const bytes = read('attest')
    const attest = parseAttest(bytes)
    assert.deepEqual(encodeAttest(attest), bytes)
    const checks = verifySignature(bytes, parseSignature(read('sig')), publicAreaKey(area))
    assert.deepEqual(
      checks.map(({ name, passed }) => ({ name, passed })),
      ['signature-scheme', 'key', 'signature'].map((name) => ({ name, passed: true })),
    )
    return attest
  }

  await run('createprimary', '-Q', '-C', 'o', '-G', 'ecc', '-c', 'srk.ctx')
  await run('readpublic', '-Q', '-c', 'srk.ctx', '-f', 'tpmt', '-o', 'srk.tpmt')
  const files = ['-u', 'key.pub', '-r', 'key.priv', '--creation-data', 'creation', '-t', 'ticket', '-d', 'creation.hash']
  await run('create', '-Q', '-C', 'srk.ctx', '-G', 'ecc256:ecdsa', '-l', 'sha256:0,7', '-q', 'beef', ...files)
  await run('load', '-Q', '-C', 'srk.ctx', '-u', 'key.pub', '-r', 'key.priv', '-c', 'key.ctx', '-n', 'key.name')
  const srkName = objectName(parsePublicArea(read('srk.tpmt')))
  const srkQualified = qualifiedName(OWNER, srkName, 'sha256')
  const keyName = objectName(parsePublicArea(parseSized(read('key.pub'))))
  assert.equal(hex(keyName), hex(read('key.name')))

  await run('certify', '-Q', '-c', 'key.ctx', '-C', 'ak.ctx', '-g', 'sha256', '-o', 'attest', '-s', 'sig')
  const certify = attested()
  assert.ok(certify.type === 'certify')
  assert.equal(hex(certify.certifiedName), hex(keyName))
  assert.equal(hex(certify.certifiedQualifiedName), hex(qualifiedName(srkQualified, keyName, 'sha256')))

  const creationFiles = ['-d', 'creation.hash', '-t', 'ticket', '-o', 'sig', '--attestation', 'attest']
  await run('certifycreation', '-Q', '-C', 'ak.ctx', '-c', 'key.ctx', '-g', 'sha256', ...creationFiles)
  const creation = attested()
  assert.ok(creation.type === 'creation')
  const creationData = parseSized(read('creation'))
  assert.equal(hex(creation.objectName), hex(keyName))
  assert.equal(hex(creation.creationHash), hex(hash('sha256', creationData)))
  const data = parseCreationData(creationData)
  assert.deepEqual(encodeCreationData(data), creationData)
  assert.deepEqual(data.pcrSelections, [{ algorithm: 'sha256', indices: [0, 7], size: 3 }])
  assert.equal(hex(data.outsideInfo), 'beef')
  assert.equal(hex(data.parentName), hex(srkName))
  assert.equal(hex(data.parentQualifiedName), hex(srkQualified))

  await run('gettime', '-Q', '-c', 'ak.ctx', '-q', NONCE, '-o', 'sig', '--attestation', 'attest')
  const time = attested()
  assert.ok(time.type === 'time')
  assert.equal(hex(time.extraData), NONCE)
  assert.equal(time.timeClockInfo.resetCount, 1)
  assert.ok(time.time > 0n)

  await run('nvdefine', '-Q', '0x01500010', '-C', 'o', '-s', '8', '-a', 'ownerread|ownerwrite|authread|authwrite')
  writeFileSync(swtpm.path('nv'), 'contents')
  await run('nvwrite', '-Q', '0x01500010', '-C', 'o', '-i', 'nv')
  const printed = await run('nvreadpublic', '0x01500010')
  const range = ['--size', '6', '--offset', '2']
  await run('nvcertify', '-Q', '-C', 'ak.ctx', '-c', 'o', '-g', 'sha256', '-o', 'sig', '--attestation', 'attest', ...range, '0x01500010')
  const nv = attested()
  assert.ok(nv.type === 'nv')
  assert.equal(nv.nvOffset, 2)
  assert.equal(Buffer.from(nv.nvContents).toString(), 'ntents')
  const nvPublic = parseNvPublic(Buffer.from('01500010' + '000b' + '20060006' + '0000' + '0008', 'hex'))
  assert.deepEqual(nvPublic.attributes, ['ownerWrite', 'authWrite', 'ownerRead', 'authRead', 'written'])
  assert.equal(hex(nv.indexName), hex(nvName(nvPublic)))
  assert.ok(printed.includes(hex(nvName(nvPublic))))

  await run('setcommandauditstatus', '-Q', 'TPM2_CC_GetRandom')
  await run('getrandom', '-Q', '4')
  await run('getcommandauditdigest', '-Q', '-c', 'ak.ctx', '-g', 'sha256', '-m', 'attest', '-s', 'sig')
  const commands = attested()
  assert.ok(commands.type === 'command-audit')
  assert.equal(commands.auditDigest.length, digestSizes[commands.auditHash])

  await run('startauthsession', '-Q', '-S', 'session.ctx', '--audit-session')
  await run('getrandom', '-Q', '-S', 'session.ctx', '-o', 'random', '4')
  await run('getsessionauditdigest', '-Q', '-c', 'ak.ctx', '-g', 'sha256', '-m', 'attest', '-s', 'sig', '-S', 'session.ctx')
  const session = attested()
  assert.ok(session.type === 'session-audit')
  assert.equal(session.sessionDigest.length, 32)
  assert.notEqual(hex(session.sessionDigest), '00'.repeat(32))
})
