// Quote verification, over quotes made in software; quote-peer.test.ts has those of a TPM.
import assert from 'node:assert/strict'
import { createHash, createSecretKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { ecAk, rsaAk, signed, softwareQuote, someBank } from '@vouchsafe/testkit/software-quote'
import type { SoftwareAk } from '@vouchsafe/testkit/software-quote'
import type { HashAlgorithm, PcrBank, QuoteEvidence, QuoteVerdict, SignatureRules, Sm2Verify } from '../src/index.ts'
import {
  TpmError,
  encodeAttest,
  encodeSignature,
  encodeSized,
  parseAttest,
  parseSignature,
  pcrDigest,
  verifyQuote,
  verifySignature,
} from '../src/index.ts'

const NONCE = new Uint8Array(32).map((_, i) => i)
const p256 = ecAk('P-256', 'sha256')
const rsa2048 = rsaAk(2048, 'rsassa', 'sha256')
const banks = [someBank('sha256', [0, 1, 7, 23])]
const sm3 = (data: Uint8Array): Uint8Array => createHash('sm3').update(data).digest()

function evidence(ak: SoftwareAk, pcrs: readonly PcrBank[] = banks): QuoteEvidence {
  return { ...softwareQuote(ak, NONCE, pcrs), publicKey: ak.publicKey, qualifyingData: NONCE, pcrs }
}

function failed({ valid, checks }: QuoteVerdict): string[] {
  const names = checks.filter(({ passed }) => !passed).map(({ name }) => name)
  assert.equal(valid, names.length === 0)
  return names
}

function noteOf({ checks }: QuoteVerdict, name: string): string | undefined {
  return checks.find((check) => check.name === name)?.note
}

for (const ak of [
  ...([2048, 3072, 4096] as const).flatMap((bits) => [rsaAk(bits, 'rsassa', 'sha256'), rsaAk(bits, 'rsapss', 'sha256')]),
  ...(['sha384', 'sha512'] as const).flatMap((hash) => [
    { ...rsa2048, hash },
    { ...rsa2048, scheme: 'rsapss' as const, hash },
  ]),
  { ...rsa2048, scheme: 'rsapss' as const, saltLength: 256 - 32 - 2 },
  ecAk('P-256', 'sha256'),
  ecAk('P-384', 'sha384'),
  ecAk('P-521', 'sha512'),
  ecAk('P-256', 'sha512'),
]) {
  const { modulusLength, namedCurve } = ak.publicKey.asymmetricKeyDetails!
  const salt = ak.saltLength === undefined ? '' : ` and a salt of ${ak.saltLength} bytes`
  test(`a quote by ${namedCurve ?? `RSA ${modulusLength}`}, ${ak.scheme} with ${ak.hash}${salt}, is valid`, () => {
    const verdict = verifyQuote(evidence(ak))
    assert.deepEqual(failed(verdict), [])
    assert.deepEqual(
      verdict.checks.map(({ name }) => name),
      [
        'magic',
        'type',
        'structure',
        'signature-structure',
        'signature-scheme',
        'key',
        'signature',
        'qualifying-data',
        'pcr-selection',
        'pcr-digest',
      ],
    )
    assert.match(noteOf(verdict, 'pcr-digest')!, new RegExp(`^computed with ${ak.hash},`))
    assert.deepEqual(verdict.attest?.clockInfo, { clock: 123456n, resetCount: 7, restartCount: 1, safe: true })
    assert.equal(verdict.attest?.firmwareVersion, 0x2019102300163636n)
  })
}

for (const algorithm of ['sha1', 'sha256', 'sha384', 'sha512', 'sm3'] as const satisfies HashAlgorithm[]) {
  test(`a quote of ${algorithm} PCRs is valid, its digest computed with the hash of the signature`, () => {
    assert.deepEqual(failed(verifyQuote(evidence(p256, [someBank(algorithm, [0, 10])]))), [])
  })
}

test('a quote of several banks is valid, in whatever order its values are claimed', () => {
  const several = [someBank('sha1', [3, 0]), someBank('sha256', [10, 2, 5]), someBank('sha512', [23])]
  const made = evidence(p256, several)
  assert.deepEqual(failed(verifyQuote({ ...made, pcrs: several.toReversed() })), [])
})

test('a key in SubjectPublicKeyInfo and a private KeyObject stand for their public key', () => {
  const spki = new Uint8Array(p256.publicKey.export({ type: 'spki', format: 'der' }))
  assert.deepEqual(failed(verifyQuote({ ...evidence(p256), publicKey: { spki } })), [])
  assert.deepEqual(failed(verifyQuote({ ...evidence(p256), publicKey: p256.privateKey })), [])
})

test('a key that cannot be read is a TpmError', () => {
  for (const publicKey of [{ spki: new Uint8Array(30) }, createSecretKey(Buffer.alloc(32))]) {
    assert.throws(() => verifyQuote({ ...evidence(p256), publicKey }), { name: 'TpmError', field: 'public key' })
  }
})

for (const ak of [rsa2048, { ...rsa2048, scheme: 'rsapss' as const }, p256]) {
  test(`every one-bit change of a quote or signature by ${ak.scheme} is refused`, () => {
    const made = evidence(ak)
    for (const part of ['quote', 'signature'] as const) {
      for (let bit = 0; bit < 8 * made[part].length; bit++) {
        const changed = made[part].slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        assert.ok(!verifyQuote({ ...made, [part]: changed }).valid, `${part}, bit ${bit}`)
      }
    }
  })

  test(`every truncation and every addition to a quote or signature by ${ak.scheme} is refused`, () => {
    const made = evidence(ak)
    for (const part of ['quote', 'signature'] as const) {
      for (let length = 0; length < made[part].length; length++)
        assert.ok(!verifyQuote({ ...made, [part]: made[part].slice(0, length) }).valid)
      assert.ok(!verifyQuote({ ...made, [part]: new Uint8Array([...made[part], 0]) }).valid)
    }
  })
}

test('any change of bytes of a quote or signature is refused', () => {
  const made = [evidence(rsa2048), evidence(p256)]
  const changes = fc.uniqueArray(fc.record({ at: fc.nat(99), mask: fc.integer({ min: 1, max: 255 }) }), {
    selector: ({ at }) => at,
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(
      fc.constantFrom(...made),
      fc.constantFrom('quote' as const, 'signature' as const),
      fc.nat(),
      changes,
      (one, part, start, list) => {
        const bytes = one[part].slice()
        for (const { at, mask } of list) bytes[(start + at) % bytes.length]! ^= mask
        fc.pre(Buffer.compare(bytes, one[part]) !== 0)
        assert.ok(!verifyQuote({ ...one, [part]: bytes }).valid)
      },
    ),
    { numRuns: 1000 },
  )
})

test('bytes from anywhere as quote and signature give a verdict, never a throw', () => {
  const made = evidence(p256)
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(made.quote), fc.constant(made.signature))
  fc.assert(
    fc.property(bytes, bytes, (quote, signature) => {
      const verdict = verifyQuote({ ...made, quote, signature })
      assert.equal(verdict.valid, quote === made.quote && signature === made.signature)
    }),
    { numRuns: 300 },
  )
})

test('the signature of another key fails the signature only', () => {
  assert.deepEqual(failed(verifyQuote({ ...evidence(p256), publicKey: ecAk('P-256', 'sha256').publicKey })), ['signature'])
})

test('other qualifying data fails only that, with both values shown', () => {
  const verdict = verifyQuote({ ...evidence(p256), qualifyingData: Uint8Array.of(1, 2) })
  assert.deepEqual(failed(verdict), ['qualifying-data'])
  assert.deepEqual(
    verdict.checks.find(({ name }) => name === 'qualifying-data'),
    {
      name: 'qualifying-data',
      passed: false,
      expected: '0102',
      found: Buffer.from(NONCE).toString('hex'),
    },
  )
})

test('qualifying data left to the caller is no check', () => {
  const { valid, checks } = verifyQuote({ ...evidence(p256), qualifyingData: 'any' })
  assert.ok(valid)
  assert.ok(!checks.some(({ name }) => name === 'qualifying-data'))
})

test('empty qualifying data is expected as such', () => {
  assert.deepEqual(failed(verifyQuote({ ...evidence(p256), qualifyingData: new Uint8Array() })), ['qualifying-data'])
})

for (const [what, pcrs, found] of [
  ['fewer PCRs than were quoted', [someBank('sha256', [0, 1, 7])], 'sha256:0,1,7,23'],
  ['more PCRs than were quoted', [someBank('sha256', [0, 1, 2, 7, 23])], 'sha256:0,1,7,23'],
  ['other PCRs than were quoted', [someBank('sha256', [0, 1, 7, 22])], 'sha256:0,1,7,23'],
  ['the PCRs of another bank', [someBank('sm3', [0, 1, 7, 23])], 'sha256:0,1,7,23'],
  ['a bank that was not quoted', [...banks, someBank('sha1', [0])], 'sha256:0,1,7,23'],
  ['an index that no PCR has', [someBank('sha256', [0, 1, 7, 23, -1])], 'sha256:0,1,7,23'],
  ['a bank twice', [...banks, ...banks], 'sha256:0,1,7,23'],
] as const) {
  test(`claiming ${what} fails the selection`, () => {
    const verdict = verifyQuote({ ...evidence(p256), pcrs })
    assert.deepEqual(failed(verdict), ['pcr-selection'])
    assert.equal(verdict.checks.find(({ name }) => name === 'pcr-selection')?.found, found)
    assert.ok(!verdict.checks.some(({ name }) => name === 'pcr-digest'))
  })
}

test('a quote of no PCRs says nothing', () => {
  const verdict = verifyQuote(evidence(p256, []))
  assert.deepEqual(failed(verdict), ['pcr-selection'])
  assert.equal(noteOf(verdict, 'pcr-selection'), 'a quote of no PCRs says nothing')
})

test('any other PCR value fails the digest', () => {
  for (const index of banks[0]!.values.keys()) {
    const values = new Map([...banks[0]!.values].map(([i, value]) => [i, i === index ? value.map((byte) => byte ^ 1) : value]))
    assert.deepEqual(failed(verifyQuote({ ...evidence(p256), pcrs: { algorithm: 'sha256', values } })), ['pcr-digest'])
  }
})

test('bytes moved from one PCR value to the next fail, though their concatenation is the same', () => {
  const joined = Buffer.concat([...banks[0]!.values.values()])
  const cut = (from: number, to: number) => new Uint8Array(joined.subarray(from, to))
  const values = new Map([
    [0, cut(0, 31)],
    [1, cut(31, 64)],
    [7, cut(64, 96)],
    [23, cut(96, 128)],
  ])
  const verdict = verifyQuote({ ...evidence(p256), pcrs: { algorithm: 'sha256', values } })
  assert.deepEqual(failed(verdict), ['pcr-digest'])
  assert.equal(noteOf(verdict, 'pcr-digest'), 'PCR 0 of sha256: 31 bytes are not its size')
})

test('a PCR bitmap of another size selects the same PCRs; a bank divided in two is put together', () => {
  const { quote } = softwareQuote(p256, NONCE, banks)
  const attest = parseAttest(quote)
  assert.ok(attest.type === 'quote')
  const pcrSelections = [
    { algorithm: 'sha256' as const, indices: [1, 7], size: 1 },
    { algorithm: 'sha256' as const, indices: [0, 23], size: 4 },
    { algorithm: 'sha384' as const, indices: [] },
  ]
  const again = encodeAttest({ ...attest, pcrSelections, pcrDigest: pcrDigest('sha256', pcrSelections, banks) })
  const verdict = verifyQuote({ ...evidence(p256), quote: again, signature: encodeSignature(signed(p256, again)) })
  assert.deepEqual(failed(verdict), [])
})

test('a quote with the size of a TPM2B_ATTEST before it is told so', () => {
  const made = evidence(p256)
  const verdict = verifyQuote({ ...made, quote: encodeSized(made.quote) })
  assert.deepEqual(failed(verdict), ['magic', 'signature'])
  assert.match(noteOf(verdict, 'magic')!, /this is a TPM2B_ATTEST/)
})

test('something signed that no TPM made fails the magic', () => {
  const quote = evidence(p256).quote.slice()
  quote[0] = 0xfe
  assert.deepEqual(failed(verifyQuote({ ...evidence(p256), quote, signature: encodeSignature(signed(p256, quote)) })), ['magic'])
})

test('an attestation of another kind fails the type', () => {
  const common = {
    qualifiedSigner: new Uint8Array(),
    extraData: NONCE,
    clockInfo: { clock: 0n, resetCount: 0, restartCount: 0, safe: true },
    firmwareVersion: 0n,
  }
  const quote = encodeAttest({ ...common, type: 'certify', certifiedName: new Uint8Array(34), certifiedQualifiedName: new Uint8Array(34) })
  const signature = encodeSignature(signed(p256, quote))
  const verdict = verifyQuote({ ...evidence(p256), quote, signature })
  assert.deepEqual(failed(verdict), ['type'])
  assert.equal(verdict.attest, undefined)
  assert.deepEqual(
    verifySignature(quote, parseSignature(signature), p256.publicKey).map(({ passed }) => passed),
    [true, true, true],
  )
})

test('SHA-1 signatures are refused unless they are allowed', () => {
  const made = evidence({ ...rsa2048, hash: 'sha1' })
  const verdict = verifyQuote(made)
  assert.deepEqual(failed(verdict), ['signature-scheme'])
  assert.equal(noteOf(verdict, 'signature-scheme'), 'sha1 is not allowed in signatures')
  assert.deepEqual(failed(verifyQuote(made, { allowedHashes: ['sha1'] })), [])
})

test('HMACs, missing signatures and schemes that are not supported are refused with the reason', () => {
  const made = evidence(p256)
  for (const [signature, note] of [
    [
      { scheme: 'hmac', hash: 'sha256', digest: new Uint8Array(32) },
      'whoever can verify an HMAC can make it, so it proves nothing to others',
    ],
    [{ scheme: 'null' }, 'there is no signature'],
    [{ scheme: 'ecdaa', hash: 'sha256', r: new Uint8Array(32), s: new Uint8Array(32) }, 'ecdaa signatures are not supported'],
    [{ scheme: 'ecschnorr', hash: 'sha256', r: new Uint8Array(32), s: new Uint8Array(32) }, 'ecschnorr signatures are not supported'],
  ] as const) {
    const verdict = verifyQuote({ ...made, signature: encodeSignature(signature) })
    assert.deepEqual(failed(verdict), ['signature-scheme', 'key'])
    assert.equal(noteOf(verdict, 'signature-scheme'), note)
  }
})

test('keys that are too small, of another kind, or on a curve that is not supported are refused by name', () => {
  const cases: [QuoteEvidence, SignatureRules, string][] = [
    [evidence(rsaAk(1024, 'rsassa', 'sha256')), {}, 'RSA of 1024 bits'],
    [evidence(rsa2048), { minimumRsaBits: 3072 }, 'RSA of 2048 bits'],
    [{ ...evidence(rsa2048), publicKey: p256.publicKey }, {}, 'nist-p256'],
    [{ ...evidence(p256), publicKey: rsa2048.publicKey }, {}, 'RSA of 2048 bits'],
    [evidence(ecAk('secp224r1', 'sha256')), {}, 'nist-p224'],
    [evidence(ecAk('secp256k1', 'sha256')), {}, 'secp256k1'],
    [{ ...evidence(p256), publicKey: generateKeyPairSync('ed25519').publicKey }, {}, 'ed25519'],
  ]
  for (const [made, rules, found] of cases) {
    const verdict = verifyQuote(made, rules)
    assert.deepEqual(failed(verdict), ['key'])
    assert.equal(verdict.checks.find(({ name }) => name === 'key')?.found, found)
  }
})

test('an RSA key with exponent 3 is taken, a key of type RSASSA-PSS for RSAPSS only', () => {
  const exponent3 = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })
  assert.deepEqual(failed(verifyQuote(evidence({ ...rsa2048, ...exponent3 }))), [])
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
  assert.deepEqual(failed(verifyQuote(evidence({ ...pss, scheme: 'rsapss', hash: 'sha256' }))), [])
  assert.deepEqual(failed(verifyQuote({ ...evidence(rsa2048), publicKey: pss.publicKey })), ['key'])
})

test('an RSA signature without its leading zero byte, or with one more, is refused, though the number is the same', () => {
  for (const scheme of ['rsapss', 'rsassa'] as const) {
    const ak = { ...rsa2048, scheme }
    let message = NONCE
    let made = signed(ak, message) as Extract<ReturnType<typeof signed>, { scheme: 'rsapss' | 'rsassa' }>
    for (let i = 0; made.signature[0] !== 0; i++) made = signed(ak, (message = Uint8Array.of(i, i >> 8))) as typeof made
    const verdict = (signature: Uint8Array) => verifySignature(message, { ...made, signature }, ak.publicKey).every(({ passed }) => passed)
    assert.ok(verdict(made.signature))
    assert.ok(!verdict(made.signature.subarray(1)))
    assert.ok(!verdict(Uint8Array.of(0, ...made.signature)))
  }
})

test('r and s without leading zeros are those of ECDSA too; longer than the curve they are refused', () => {
  const short = signatureWithLeadingZero()
  assert.deepEqual(failed(verifyQuote(short)), [])
  const { r, s } = parseSignature(short.signature) as { r: Uint8Array; s: Uint8Array }
  const long = encodeSignature({ scheme: 'ecdsa', hash: 'sha256', r: new Uint8Array([...new Uint8Array(33 - r.length), ...r]), s })
  assert.deepEqual(failed(verifyQuote({ ...short, signature: long })), ['signature'])
})

/** One signature in 256 has an r that begins with a zero; here without it. */
function signatureWithLeadingZero(): QuoteEvidence {
  const made = evidence(p256)
  for (;;) {
    const signature = signed(p256, made.quote)
    if (signature.scheme !== 'ecdsa' || signature.r[0] !== 0) continue
    return { ...made, signature: encodeSignature({ ...signature, r: signature.r.subarray(1) }) }
  }
}

const sm2Key = generateKeyPairSync('ec', { namedCurve: 'SM2' }).publicKey
const sm2Point = sm2Key.export({ type: 'spki', format: 'der' }).subarray(-65)

function sm2Evidence(): QuoteEvidence {
  const { quote } = softwareQuote(p256, NONCE, banks)
  const attest = parseAttest(quote)
  assert.ok(attest.type === 'quote')
  const again = encodeAttest({ ...attest, pcrDigest: pcrDigest('sm3', attest.pcrSelections, banks, { sm3 }) })
  const signature = encodeSignature({ scheme: 'sm2', hash: 'sm3', r: Uint8Array.of(1), s: Uint8Array.of(2) })
  return { ...evidence(p256), quote: again, signature, publicKey: sm2Key }
}

test("SM2 is verified by the caller's function, which gets the point, the digest without Z, and r ‖ s in full", () => {
  const made = sm2Evidence()
  const calls: Parameters<Sm2Verify>[0][] = []
  const sm2Verify: Sm2Verify = (input) => calls.push(input) > 0
  assert.deepEqual(failed(verifyQuote(made, { hashes: { sm3 }, sm2Verify })), [])
  const padded = (last: number) => [...new Uint8Array(31), last]
  assert.equal(calls.length, 1)
  assert.deepEqual(Buffer.from(calls[0]!.point), sm2Point)
  assert.deepEqual(Buffer.from(calls[0]!.digest), sm3(made.quote))
  assert.deepEqual(calls[0]!.message, made.quote)
  assert.deepEqual([...calls[0]!.signature], [...padded(1), ...padded(2)])
})

test('SM2 fails when the function refuses, throws, or is missing, and without a function for SM3', () => {
  const made = sm2Evidence()
  const verdicts = [
    verifyQuote(made, { hashes: { sm3 }, sm2Verify: () => false }),
    verifyQuote(made, {
      hashes: { sm3 },
      sm2Verify: () => {
        throw new Error('broken')
      },
    }),
    verifyQuote(made, { hashes: { sm3 } }),
  ]
  for (const verdict of verdicts) assert.deepEqual(failed(verdict), ['signature'])
  assert.equal(noteOf(verdicts[2]!, 'signature'), 'no function that verifies SM2 was given')
  const without = verifyQuote(made, { sm2Verify: () => true })
  assert.deepEqual(failed(without), ['signature', 'pcr-digest'])
  assert.match(noteOf(without, 'pcr-digest')!, /^unsupported hash sm3/)
})

test('SM2 signatures need a key on the curve of SM2, ECDSA another', () => {
  assert.deepEqual(failed(verifyQuote({ ...sm2Evidence(), publicKey: p256.publicKey }, { hashes: { sm3 }, sm2Verify: () => true })), [
    'key',
  ])
  assert.deepEqual(failed(verifyQuote({ ...evidence(p256), publicKey: sm2Key })), ['key'])
})

test('the digest of PCRs that are not there is a TpmError', () => {
  assert.throws(() => pcrDigest('sha256', [{ algorithm: 'sha256', indices: [4] }], banks), {
    name: 'TpmError',
    message: 'PCR 4 of sha256: its value is missing',
  })
  assert.throws(() => pcrDigest('sha256', [{ algorithm: 0x27, indices: [0] }], banks), TpmError)
})
