// Attestation keys and quotes made by the client, verified by us and by tpm2-tools.
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import {
  activePcrBanks,
  createAk,
  createEk,
  digestSizes,
  encodeSized,
  hash,
  loadAk,
  openTpm,
  parseAttest,
  parseSignature,
  publicAreaKey,
  publicAreaSpki,
  quotePcrs,
  srkTemplates,
  tpm2,
  verifyQuote,
  verifySignature,
} from '@vouchsafe/tpm'
import type { AkOptions, LoadedObject, PrimaryKind, QuotedPcrs, Tpm } from '@vouchsafe/tpm'
import { opensslSm2 } from '@vouchsafe/testkit/openssl-sm2'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import { tool } from '@vouchsafe/testkit/tpm2-tools'

const NONCE = Buffer.from('00112233445566778899aabbccddeeff', 'hex')

const KEYS: [ek: PrimaryKind, options: AkOptions, peer: 'checkquote' | 'verifysignature' | 'openssl'][] = [
  ['rsa', { scheme: 'rsassa' }, 'checkquote'],
  ['rsa', { scheme: 'rsassa', keyBits: 3072, hash: 'sha384' }, 'checkquote'],
  // tpm2_checkquote 5.4 does not know the salt of a TPM's RSAPSS signatures.
  ['ecc', { scheme: 'rsapss' }, 'verifysignature'],
  ['ecc', { scheme: 'rsapss', hash: 'sha512' }, 'verifysignature'],
  ['ecc', { scheme: 'ecdsa' }, 'checkquote'],
  ['rsa', { scheme: 'ecdsa', curve: 'nist-p384', hash: 'sha384' }, 'checkquote'],
  ['ecc', { scheme: 'ecdsa', curve: 'nist-p521', hash: 'sha512' }, 'checkquote'],
  ['ecc', { scheme: 'sm2' }, 'openssl'],
]

/** An attestation key under an endorsement key, both loaded. */
async function makeAk(tpm: Tpm, kind: PrimaryKind, options: AkOptions): Promise<LoadedObject> {
  const ek = await createEk(tpm, kind)
  return await loadAk(tpm, ek, await createAk(tpm, ek, options))
}

for (const [kind, options, peer] of KEYS) {
  const { scheme, hash: hashAlgorithm = 'sha256' } = options
  test(`${scheme} with ${hashAlgorithm} under an ${kind} EK: a quote of every bank is verified by us and by ${peer}`, async () => {
    await using swtpm = await startSwtpm()
    const quotes: [selection: string, quoted: QuotedPcrs][] = []
    const spki = await (async () => {
      await using tpm = await openTpm(swtpm.address)
      return await tpm.exclusive(async (own) => {
        const ak = await makeAk(own, kind, options)
        const banks = await activePcrBanks(own)
        assert.deepEqual(
          banks.map(({ algorithm }) => algorithm),
          ['sha1', 'sha256', 'sha384', 'sha512'],
        )
        for (const { algorithm } of banks) {
          await tpm2.pcrExtend(own, 10, { [algorithm]: hash(algorithm, Buffer.from('event')) })
          const pcrs = [{ algorithm, indices: [0, 7, 10, 23] }]
          quotes.push([`${algorithm}:0,7,10,23`, await quotePcrs(own, { key: ak, qualifyingData: NONCE, pcrs })])
        }
        const two = (['sha1', 'sha512'] as const).map((algorithm) => ({ algorithm, indices: [0, 10] }))
        quotes.push(['sha1:0,10+sha512:0,10', await quotePcrs(own, { key: ak, qualifyingData: NONCE, pcrs: two })])
        return publicAreaSpki(ak.publicArea)
      })
    })()
    for (const [list, quoted] of quotes) {
      const evidence = { ...quoted, publicKey: { spki }, qualifyingData: NONCE }
      const { checks, valid } = verifyQuote(evidence, { sm2Verify: opensslSm2 })
      assert.ok(valid, JSON.stringify(checks.filter(({ passed }) => !passed)))
      assert.equal(verifyQuote({ ...evidence, qualifyingData: Buffer.from('other') }, { sm2Verify: opensslSm2 }).valid, false)
      if (peer === 'openssl') continue
      await writeFile(swtpm.path('quote'), quoted.quote)
      await writeFile(swtpm.path('signature'), quoted.signature)
      await writeFile(
        swtpm.path('ak.pem'),
        createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).export({ type: 'spki', format: 'pem' }),
      )
      if (peer === 'verifysignature') {
        const algorithm = scheme === 'rsapss' ? 'rsa' : 'ecc'
        const load = ['-C', 'n', '-G', algorithm, '-u', 'ak.pem', '-c', 'ak.ctx']
        await tool(swtpm, 'tpm2_loadexternal', '-Q', ...load)
        await tool(swtpm, 'tpm2_verifysignature', '-Q', '-c', 'ak.ctx', '-g', hashAlgorithm, '-m', 'quote', '-s', 'signature')
        continue
      }
      await writeFile(swtpm.path('pcrs'), Buffer.concat(quoted.pcrs.flatMap(({ values }) => [...values.values()])))
      const files = ['-u', 'ak.pem', '-m', 'quote', '-s', 'signature', '-f', 'pcrs', '-l', list]
      await tool(swtpm, 'tpm2_checkquote', '-g', hashAlgorithm, '-q', NONCE.toString('hex'), ...files)
      await assert.rejects(tool(swtpm, 'tpm2_checkquote', '-g', hashAlgorithm, '-q', '00', ...files))
    }
  })
}

test('a persistent attestation key quotes after a restart, with its authorization value and in every kind of session', async () => {
  await using swtpm = await startSwtpm()
  const authValue = Buffer.from('the key authorization')
  const handle = 0x81010002
  {
    await using tpm = await openTpm(swtpm.address)
    await tpm.exclusive(async (own) => {
      const ek = await createEk(own, 'ecc')
      const ak = await loadAk(own, ek, await createAk(own, ek, { scheme: 'ecdsa', authValue }))
      await tpm2.evictControl(own, { object: ak, persistent: handle })
    })
    assert.deepEqual(await tpm2.getHandles(tpm, 'persistent'), [handle])
  }
  await swtpm.reset()
  await using tpm = await openTpm(swtpm.address)
  const pcrs = [{ algorithm: 'sha256' as const, indices: [1, 2] }]
  const ak = await tpm2.readPublic(tpm, handle)
  await assert.rejects(tpm2.quote(tpm, { key: ak, pcrs }), { codeName: 'TPM_RC_BAD_AUTH' })
  await tpm.exclusive(async (own) => {
    const srk = await tpm2.createPrimary(own, { hierarchy: 'null', template: srkTemplates.rsa })
    const plain = await tpm2.startAuthSession(own, { kind: 'hmac' })
    const salted = await tpm2.startAuthSession(own, { kind: 'hmac', saltKey: srk, hash: 'sha384' })
    for (const authorization of [
      authValue,
      { session: plain, authValue },
      { session: salted, authValue },
      { session: salted, authValue },
    ]) {
      const quoted = await quotePcrs(own, { key: ak, authorization, pcrs, qualifyingData: NONCE })
      assert.ok(verifyQuote({ ...quoted, publicKey: publicAreaKey(ak.publicArea), qualifyingData: NONCE }).valid)
    }
    const wrong = { session: salted, authValue: Buffer.from('wrong') }
    await assert.rejects(tpm2.quote(own, { key: ak, authorization: wrong, pcrs }), { codeName: 'TPM_RC_BAD_AUTH' })
    // A refused command does not spoil the session.
    await tpm2.quote(own, { key: ak, authorization: { session: salted, authValue }, pcrs })
  })
  await tpm2.evictControl(tpm, { object: handle, persistent: handle })
  await assert.rejects(tpm2.readPublic(tpm, handle), { codeName: 'TPM_RC_HANDLE' })
})

test('a key certifies another that is in the same TPM', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  await tpm.exclusive(async (own) => {
    const ek = await createEk(own, 'ecc')
    const [ak, other] = [
      await loadAk(own, ek, await createAk(own, ek, { scheme: 'ecdsa' })),
      await loadAk(own, ek, await createAk(own, ek, { scheme: 'ecdsa' })),
    ]
    const { attest: bytes, signature } = await tpm2.certify(own, { object: other, key: ak, qualifyingData: NONCE })
    const attest = parseAttest(bytes)
    assert.ok(attest.type === 'certify')
    assert.deepEqual(attest.certifiedName, other.name)
    assert.deepEqual(Buffer.from(attest.extraData), NONCE)
    const checks = verifySignature(bytes, parseSignature(signature), publicAreaKey(ak.publicArea))
    assert.ok(checks.every(({ passed }) => passed))
  })
})

test('the endorsement keys are those that tpm2_createek makes', async () => {
  await using swtpm = await startSwtpm()
  for (const kind of ['rsa', 'ecc'] as const) {
    const tpm = await openTpm(swtpm.address)
    const { publicBytes } = await createEk(tpm, kind)
    await tpm.close()
    await tool(swtpm, 'tpm2_createek', '-Q', '-G', kind, '-c', 'ek.ctx', '-u', 'ek.pub')
    assert.deepEqual(new Uint8Array(await readFile(swtpm.path('ek.pub'))), encodeSized(publicBytes))
  }
})

test('PCR values that are read belong to the quote, also when others extend meanwhile', async () => {
  await using swtpm = await startSwtpm()
  await using tpm = await openTpm(swtpm.address)
  const ek = await createEk(tpm, 'ecc')
  const key = await loadAk(tpm, ek, await createAk(tpm, ek, { scheme: 'ecdsa' }))
  const pcrs = [{ algorithm: 'sha256' as const, indices: [10] }]
  const digest = new Uint8Array(digestSizes.sha256)
  const [quoted] = await Promise.all([
    quotePcrs(tpm, { key, pcrs, qualifyingData: NONCE }),
    tpm2.pcrExtend(tpm, 10, { sha256: digest }),
    tpm2.pcrExtend(tpm, 10, { sha256: digest }),
  ])
  assert.ok(verifyQuote({ ...quoted, publicKey: publicAreaKey(key.publicArea), qualifyingData: NONCE }).valid)
})
