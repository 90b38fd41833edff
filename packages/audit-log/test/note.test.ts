// C2SP signed-note, tlog-checkpoint and tlog-cosignature.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addSignatures,
  checkSignatures,
  formatCheckpoint,
  formatNote,
  formatSignatureLines,
  formatVerifierKey,
  LogFormatError,
  parseCheckpoint,
  parseNote,
  parseSignatureLines,
  parseVerifierKey,
  SignatureError,
  signNote,
  verifierKey,
  verifyNote,
  type NoteSigner,
} from '../src/index.ts'
import { check, makeSigner, ORIGIN, sha256 } from './support/log.ts'

/** From the documentation of golang.org/x/mod/sumdb/note. */
const GO_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const GO_NOTE =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
/** From the specification of tlog-checkpoint. */
const SOFA = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'

const root = new Uint8Array(32).fill(7)
const text = formatCheckpoint({ origin: ORIGIN, size: 12, root })
const log = makeSigner(ORIGIN)
const witness = makeSigner('witness.example/w1', 'cosignature-ed25519')
const quantumWitness = makeSigner('witness.example/w2', 'cosignature-ml-dsa-44')
const signed = { text, signatures: [await signNote(text, log)] }

test("Go's note verifies with its key, and with any of its characters changed it does not", async () => {
  const key = parseVerifierKey(sha256, GO_KEY)
  assert.equal(formatVerifierKey(key), GO_KEY)
  assert.equal(formatNote(parseNote(GO_NOTE)), GO_NOTE)
  const [signature] = await verifyNote(parseNote(GO_NOTE), [key], check)
  assert.equal(signature!.key.name, 'PeterNeumann')
  for (let i = 0; i < GO_NOTE.length; i++) {
    const changed = `${GO_NOTE.slice(0, i)}${GO_NOTE[i] === 'a' ? 'b' : 'a'}${GO_NOTE.slice(i + 1)}`
    await assert.rejects(async () => verifyNote(parseNote(changed), [key], check), /^(SignatureError|LogFormatError)/, `character ${i}`)
  }
})

test('a checkpoint is read as it is written', () => {
  assert.deepEqual(parseCheckpoint(SOFA).size, 20_852_163)
  assert.equal(formatCheckpoint(parseCheckpoint(SOFA)), SOFA)
  const extended = { origin: 'o', size: 0, root, extensions: ['one', 'two three'] }
  assert.deepEqual(parseCheckpoint(formatCheckpoint(extended)), extended)
})

test('a checkpoint in any other form is refused', () => {
  const refused = [
    '',
    '\n',
    'a\n1\n',
    SOFA.slice(0, -1),
    SOFA.replace('20852163', '020852163'),
    SOFA.replace('20852163', '-1'),
    SOFA.replace('20852163', '9007199254740992'),
    SOFA.replace('20852163', '1e3'),
    SOFA.replace('2I=', '2J='),
    SOFA.replace('2I=', '2I'),
    SOFA.replace('CsUY', 'Cs Y'),
    `${SOFA}\n`,
    SOFA.replace('example', '\u0001'),
    SOFA.replace('\n', '\r\n'),
  ]
  for (const form of refused) assert.throws(() => parseCheckpoint(form), LogFormatError, JSON.stringify(form))
  for (const origin of ['', 'a\nb', '\u0000']) assert.throws(() => formatCheckpoint({ origin, size: 1, root }), LogFormatError)
  for (const size of [-1, 0.5, 2 ** 53]) assert.throws(() => formatCheckpoint({ origin: 'o', size, root }), RangeError)
})

test('the text of a note may have empty lines', () => {
  const note = { text: 'a\n\nb\n', signatures: signed.signatures }
  assert.deepEqual(parseNote(formatNote(note)), note)
})

test('a note in any other form is refused', () => {
  const refused = [
    '',
    'text\n',
    GO_NOTE.slice(0, -1),
    `${GO_NOTE}\n`,
    GO_NOTE.replace('— ', '- '),
    GO_NOTE.replace('— ', '—  '),
    GO_NOTE.replace('x08', 'x-8'),
    GO_NOTE.replace('=\n', '\n'),
    GO_NOTE.replace('PeterNeumann', 'Peter+Neumann'),
    GO_NOTE.replace('PeterNeumann', 'Peter\u2003Neumann'),
    GO_NOTE.replace('PeterNeumann', 'Peter\u0085Neumann'),
    GO_NOTE.replace('problem', '\tproblem'),
    GO_NOTE.replace('problem', '\ud800problem'),
    'text\n\n— name AAAA\n',
    `text\n\n${'— name AAAAAAAA\n'.repeat(65)}`,
    'x'.repeat(1024 * 1024 + 1),
  ]
  for (const form of refused) assert.throws(() => parseNote(form), LogFormatError, form.slice(0, 200))
  assert.equal(parseNote(`text\n\n${'— name AAAAAAAA\n'.repeat(64)}`).signatures.length, 64)
  assert.throws(() => formatNote({ text: 'no newline', signatures: [] }), LogFormatError)
})

test('a verifier key in any other form is refused', () => {
  const refused = [
    '',
    GO_KEY.replace('c74f20a3', 'c74f20a4'),
    GO_KEY.replace('c74f20a3', 'C74F20A3'),
    GO_KEY.replace('PeterNeumann', 'Peter Neumann'),
    GO_KEY.replace('+AR', '+Ag'),
    `${GO_KEY}=`,
    GO_KEY.slice(0, -4),
    `${'x'.repeat(5000)}${GO_KEY}`,
  ]
  for (const form of refused) assert.throws(() => parseVerifierKey(sha256, form), LogFormatError, form.slice(0, 100))
  assert.throws(() => verifierKey(sha256, 'a b', 'note', root), LogFormatError)
  assert.throws(() => verifierKey(sha256, 'a', 'note', root.subarray(1)), LogFormatError)
  for (const { key } of [log, witness, quantumWitness]) assert.deepEqual(parseVerifierKey(sha256, formatVerifierKey(key)), key)
})

test('witnesses cosign with Ed25519 and with ML-DSA-44', async () => {
  const cosignatures = [await signNote(text, witness, 1_679_315_147), await signNote(text, quantumWitness, 1_679_315_148)]
  const note = parseNote(formatNote(addSignatures(signed, parseSignatureLines(formatSignatureLines(cosignatures)))))
  const found = await verifyNote(note, [log.key, witness.key, quantumWitness.key], check)
  assert.deepEqual(
    found.map(({ key, timestamp }) => [key.name, timestamp]),
    [
      [ORIGIN, undefined],
      ['witness.example/w1', 1_679_315_147],
      ['witness.example/w2', 1_679_315_148],
    ],
  )
})

test('what a cosigner signs is the text of the specification', async () => {
  const messages: Uint8Array[] = []
  const spy = ({ key }: NoteSigner): NoteSigner => ({
    key,
    sign: (message) => {
      messages.push(message)
      return new Uint8Array(1)
    },
  })
  await signNote(SOFA, spy(witness), 1_679_315_147)
  await signNote(SOFA, spy(quantumWitness), 1_679_315_147)
  assert.equal(new TextDecoder().decode(messages[0]), `cosignature/v1\ntime 1679315147\n${SOFA}`)
  const name = Buffer.from('witness.example/w2')
  const origin = Buffer.from('example.com/behind-the-sofa')
  const expected = Buffer.concat([
    Buffer.from('subtree/v1\n\0'),
    Buffer.from([name.length]),
    name,
    Buffer.from('0000000064185 0cb'.replace(' ', ''), 'hex'),
    Buffer.from([origin.length]),
    origin,
    Buffer.from('0000000000000000', 'hex'),
    Buffer.from(20_852_163n.toString(16).padStart(16, '0'), 'hex'),
    Buffer.from('CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=', 'base64'),
  ])
  assert.equal(messages[1]!.toHex(), expected.toString('hex'))
})

test('a cosignature with another time, or on another text, is wrong', async () => {
  for (const signer of [witness, quantumWitness]) {
    const cosignature = await signNote(text, signer, 100)
    const changed = { ...cosignature, signature: cosignature.signature.with(7, 101) }
    const late = { ...cosignature, signature: cosignature.signature.with(0, 255) }
    const short = { ...cosignature, signature: cosignature.signature.slice(1) }
    for (const signatures of [[changed], [late], [short]])
      assert.deepEqual(
        (await checkSignatures({ text, signatures }, [signer.key], check)).map(({ valid }) => valid),
        [false],
      )
    const other = formatCheckpoint({ origin: ORIGIN, size: 13, root })
    for (const wrong of [other, 'no checkpoint\n'])
      assert.deepEqual(
        (await checkSignatures({ text: wrong, signatures: [cosignature] }, [signer.key], check)).map(({ valid }) => valid),
        [false],
      )
    await assert.rejects(signNote(text, signer), RangeError)
    await assert.rejects(signNote('no checkpoint\n', signer, 1), LogFormatError)
  }
})

test('signatures of unknown keys are ignored; a wrong one of a known key makes the note wrong', async () => {
  const stranger = await signNote(text, makeSigner(ORIGIN))
  const [own] = signed.signatures as [typeof stranger]
  await verifyNote({ text, signatures: [stranger, own] }, [log.key], check)
  await assert.rejects(verifyNote({ text, signatures: [stranger] }, [log.key], check), SignatureError)
  const wrong = { ...own, signature: own.signature.with(3, own.signature[3]! ^ 1) }
  await assert.rejects(verifyNote({ text, signatures: [own, wrong] }, [log.key], check), SignatureError)
})

test('a later signature of a key replaces its earlier one', async () => {
  const [first, second] = [await signNote(text, witness, 1), await signNote(text, witness, 2)]
  assert.deepEqual(addSignatures(addSignatures(signed, [first]), [second]).signatures, [...signed.signatures, second])
})
