// C2SP tlog-policy, tlog-proof and tlog-witness.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addSignatures,
  formatAddCheckpoint,
  formatLogProof,
  formatNote,
  formatPolicy,
  formatSignatureLines,
  formatVerifierKey,
  inclusionProof,
  leafHash,
  LogFormatError,
  parseAddCheckpoint,
  parseBundle,
  parseLogProof,
  parseNote,
  parsePolicy,
  parseWitnessAnswer,
  SignatureError,
  signNote,
  verifyCheckpoint,
  verifyLogProof,
  type NoteSigner,
} from '../src/index.ts'
import { check, logOf, makeSigner, ORIGIN, sha256 } from './support/log.ts'

const SIZE = 300
const log = await logOf(SIZE)
const checkpoint = new TextDecoder().decode(log.files.get('checkpoint'))
const xs = ['x1', 'x2', 'x3'].map((name) => makeSigner(`${name}.example`, 'cosignature-ed25519'))
const ys = ['y1', 'y2', 'y3'].map((name) => makeSigner(`${name}.example`, 'cosignature-ml-dsa-44'))
const vkey = ({ key }: NoteSigner) => formatVerifierKey(key)

const POLICY = `
  # The example of the specification. \t
log ${vkey(log.signer)}

witness X1 ${vkey(xs[0]!)} https://x1.example/
witness\tX2  ${vkey(xs[1]!)}
witness X3 ${vkey(xs[2]!)}
group X-witnesses 2 X1 X2 X3

witness Y1 ${vkey(ys[0]!)}
witness Y2 ${vkey(ys[1]!)}
witness Y3 ${vkey(ys[2]!)}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`
const policy = parsePolicy(sha256, POLICY)

async function cosigned(...witnesses: NoteSigner[]): Promise<string> {
  const note = parseNote(checkpoint)
  const signatures = await Promise.all(witnesses.map((one, i) => signNote(note.text, one, 1000 + i)))
  return formatNote(addSignatures(note, signatures))
}

test('the policy of the specification is read, and written again', () => {
  assert.deepEqual(policy.groups, [
    { name: 'X-witnesses', threshold: 2, members: ['X1', 'X2', 'X3'] },
    { name: 'Y-witnesses', threshold: 1, members: ['Y1', 'Y2', 'Y3'] },
    { name: 'X-and-Y', threshold: 2, members: ['X-witnesses', 'Y-witnesses'] },
  ])
  assert.equal(policy.witnesses[0]!.url, 'https://x1.example/')
  assert.deepEqual(parsePolicy(sha256, formatPolicy(policy)), policy)
})

test('a quorum counts each witness once, in its group', async () => {
  const [x1, x2, x3, y1] = [xs[0]!, xs[1]!, xs[2]!, ys[0]!]
  for (const witnesses of [
    [x1, x2, y1],
    [x3, x1, y1],
    [x1, x2, x3, ...ys],
  ]) {
    const trusted = await verifyCheckpoint(parseNote(await cosigned(...witnesses)), policy, check)
    assert.equal(trusted.witnesses.length, witnesses.length)
    assert.equal(trusted.size, SIZE)
  }
  for (const witnesses of [[], [x1, x2], [x1, y1], [x1, ...ys]])
    await assert.rejects(verifyCheckpoint(parseNote(await cosigned(...witnesses)), policy, check), /quorum X-and-Y/)
  const repeated = parseNote(await cosigned(x1, y1))
  const again = await signNote(repeated.text, x1, 9)
  await assert.rejects(
    verifyCheckpoint({ text: repeated.text, signatures: [...repeated.signatures, again] }, policy, check),
    SignatureError,
  )
})

test('a wrong cosignature does not count; a wrong or absent signature of the log refuses the checkpoint', async () => {
  const note = parseNote(await cosigned(xs[0]!, xs[1]!, ys[0]!))
  const damaged = (at: number) => ({
    text: note.text,
    signatures: note.signatures.map((one, i) => (i === at ? { ...one, signature: one.signature.with(20, one.signature[20]! ^ 1) } : one)),
  })
  for (const at of [0, 1, 2, 3]) await assert.rejects(verifyCheckpoint(damaged(at), policy, check), SignatureError)
  await assert.rejects(verifyCheckpoint({ text: note.text, signatures: note.signatures.slice(1) }, policy, check), SignatureError)
  await assert.rejects(verifyCheckpoint(note, { ...policy, logs: [] }, check), /no log/)
})

test('a log may sign with ML-DSA-44', async () => {
  const quantum = await logOf(5, makeSigner(ORIGIN))
  const signer = makeSigner(ORIGIN, 'cosignature-ml-dsa-44')
  const { text } = parseNote(new TextDecoder().decode(quantum.files.get('checkpoint')))
  const note = { text, signatures: [await signNote(text, signer, 0)] }
  const trusted = await verifyCheckpoint(note, parsePolicy(sha256, `log ${vkey(signer)}\nquorum none\n`), check)
  assert.equal(trusted.log.type, 'cosignature-ml-dsa-44')
})

test('comments may be of any octets, names are UTF-8', () => {
  const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))
  assert.equal(parsePolicy(sha256, bytes('# caf\xe9\nquorum none\n')).quorum, 'none')
  assert.throws(() => parsePolicy(sha256, bytes(`witness caf\xe9 ${vkey(xs[0]!)}\nquorum none\n`)), LogFormatError)
  assert.equal(parsePolicy(sha256, `witness K\u0301 ${vkey(xs[0]!)}\nquorum K\u0301\n`).quorum, 'K\u0301')
})

test('a policy that breaks a rule is refused', () => {
  const [x1, x2, own] = [vkey(xs[0]!), vkey(xs[1]!), vkey(log.signer)]
  const w = `witness a ${x1}\nwitness b ${x2}\n`
  const refused = [
    '',
    '# nothing\n',
    'quorum none',
    'quorum none\nquorum none\n',
    'quorum nobody\n',
    'quorum\n',
    'quorum none more\n',
    'quorums none\n',
    `log ${own}\nlog ${own}\nquorum none\n`,
    `log ${x1}\nquorum none\n`,
    `log ${own} url more\nquorum none\n`,
    `witness a ${own}\nquorum none\n`,
    `witness a ${x1}\nwitness b ${x1}\nquorum none\n`,
    `witness a ${x1}\nwitness a ${x2}\nquorum none\n`,
    `witness none ${x1}\nquorum none\n`,
    `quorum a\nwitness a ${x1}\n`,
    `${w}group g 0 a b\nquorum g\n`,
    `${w}group g 3 a b\nquorum g\n`,
    `${w}group g 01 a b\nquorum g\n`,
    `${w}group g 1e0 a b\nquorum g\n`,
    `${w}group g any\nquorum g\n`,
    `${w}group g any none\nquorum g\n`,
    `${w}group g any a a\nquorum g\n`,
    `${w}group g any a\ngroup h any a b\nquorum g\n`,
    `${w}group g any g\nquorum g\n`,
    `${w}group a any b\nquorum a\n`,
    'quorum none\r\n',
    'quorum none\u0000\n',
    '\n'.repeat(20_000),
    ' '.repeat(1024 * 1024 + 1),
  ]
  for (const text of refused) assert.throws(() => parsePolicy(sha256, text), LogFormatError, text.slice(0, 300))
})

test('a proof file proves an entry, offline, as the policy demands', async () => {
  const index = 211
  const entry = parseBundle(log.files.get('tile/entries/000')!)[index]!
  const proof = { index, proof: await inclusionProof(sha256, log.read, index, SIZE), checkpoint: await cosigned(xs[0]!, xs[2]!, ys[1]!) }
  const file = formatLogProof(proof)
  assert.deepEqual(parseLogProof(file), proof)
  const hash = leafHash(sha256, entry)
  const trusted = await verifyLogProof(sha256, parseLogProof(file), hash, policy, check)
  assert.equal(trusted?.origin, ORIGIN)
  assert.deepEqual(
    trusted.witnesses.map(({ name }) => name),
    ['X1', 'X3', 'Y2'],
  )
  assert.equal(await verifyLogProof(sha256, { ...proof, index: 210 }, hash, policy, check), undefined)
  assert.equal(await verifyLogProof(sha256, proof, leafHash(sha256, entry.subarray(1)), policy, check), undefined)
  await assert.rejects(verifyLogProof(sha256, { ...proof, checkpoint }, hash, policy, check), SignatureError)
  const extra = new Uint8Array([1, 2, 3])
  assert.deepEqual(parseLogProof(formatLogProof({ ...proof, extra })), { ...proof, extra })
  assert.match(formatLogProof({ ...proof, extra }), /^c2sp\.org\/tlog-proof@v1\nextra AQID\nindex 211\n/)
})

test('a proof file in any other form is refused', () => {
  const file = formatLogProof({ index: 7, proof: [new Uint8Array(32)], checkpoint })
  const refused = [
    '',
    file.slice(1),
    file.replace('@v1', '@v2'),
    file.replace('index 7', 'index 07'),
    file.replace('index 7', 'index -7'),
    file.replace('index 7', 'extra AQ==\nextra AQ==\nindex 7'),
    file.replace('index 7', 'extra A\nindex 7'),
    file.replace('index 7\n', ''),
    file.replace('AAA=', 'AA='),
    file.replace('index 7', `index 7${`\n${'A'.repeat(43)}=`.repeat(64)}`),
    file.slice(0, file.indexOf('\n\n')),
  ]
  for (const form of refused) assert.throws(() => parseLogProof(form), LogFormatError, form.slice(0, 200))
})

test('a witness is asked in the words of the protocol', () => {
  const request = { oldSize: 200, proof: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)], checkpoint }
  const body = formatAddCheckpoint(request)
  assert.equal(body, `old 200\n${'AQEB'.repeat(10)}AQE=\n${'AgIC'.repeat(10)}AgI=\n\n${checkpoint}`)
  assert.deepEqual(parseAddCheckpoint(body), request)
  for (const form of [
    '',
    'old 1\n',
    `old 01\n\n${checkpoint}`,
    `old 1\nAQ==\n\n${checkpoint}`,
    `size 1\n\n${checkpoint}`,
    `old 1\n${`${'A'.repeat(43)}=\n`.repeat(64)}\n${checkpoint}`,
  ])
    assert.throws(() => parseAddCheckpoint(form), LogFormatError)
  assert.throws(() => formatAddCheckpoint({ ...request, proof: new Array(64).fill(new Uint8Array(32)) }), RangeError)
})

test('a witness’s answer is signatures, a size, or a refusal', async () => {
  const { text } = parseNote(checkpoint)
  const signatures = [await signNote(text, xs[0]!, 5), await signNote(text, ys[0]!, 5)]
  assert.deepEqual(parseWitnessAnswer(200, formatSignatureLines(signatures)), { outcome: 'cosigned', signatures })
  assert.deepEqual(parseWitnessAnswer(409, '0\n'), { outcome: 'conflict', size: 0 })
  for (const body of ['', '12', '012\n', 'x\n', '9'.repeat(40)])
    assert.deepEqual(parseWitnessAnswer(409, body), { outcome: 'refused', status: 409 })
  for (const status of [400, 403, 404, 422, 500, 302])
    assert.deepEqual(parseWitnessAnswer(status, 'whatever'), { outcome: 'refused', status })
  for (const body of ['', 'hello\n', '— w AAAA\n']) assert.throws(() => parseWitnessAnswer(200, body), LogFormatError)
})
