import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createSimulatedPki, simulatedEnclave } from '@vouchsafe/dcap'
import { toPem } from '@vouchsafe/x509'
import { openTerminal } from '@vouchsafe/testkit/terminal'

const AT = new Date('2026-03-01T00:00:00Z')
const enclave = simulatedEnclave({ pki: await createSimulatedPki(AT) })
const quote = (await enclave.quote(Buffer.alloc(64, 0xab))).bytes
const collateral = await enclave.collateral(AT)
const root = toPem('CERTIFICATE', enclave.root.der)

/** A terminal with a quote, its collateral as a folder, and the simulated root. */
async function prepared() {
  const terminal = await openTerminal()
  await mkdir(terminal.path('collateral'))
  const body = (name: string, { signed, signature }: { signed: Buffer; signature: Buffer }) =>
    `{"${name}":${signed.toString()},"signature":"${signature.toString('hex')}"}`
  await writeFile(terminal.path('collateral/1'), body('tcbInfo', collateral.tcbInfos[0]!))
  await writeFile(terminal.path('collateral/2'), body('enclaveIdentity', collateral.identities[0]!))
  await writeFile(terminal.path('collateral/3'), collateral.certificates.map(({ der }) => toPem('CERTIFICATE', der)).join(''))
  for (const [i, { der }] of collateral.crls.entries()) await writeFile(terminal.path(`collateral/crl-${i}`), der)
  await writeFile(terminal.path('quote'), quote)
  await writeFile(terminal.path('root.pem'), root)
  const verify = ['quote', 'verify', terminal.path('quote'), '--collateral', terminal.path('collateral')]
  return Object.assign(terminal, { verify })
}

test('quote show prints what a quote says, from bytes or base64, and that nothing is verified', async () => {
  await using terminal = await prepared()
  const { code, text } = await terminal.vouchsafe(['quote', 'show', terminal.path('quote')])
  assert.equal(code, 0)
  assert.match(text, /^mrEnclave +70de1979095b7b85c18adefb1e1df55780e09ac3c1cc0e56a0df018a130b2fbd$/m)
  assert.match(text, /none of this is verified/)
  await writeFile(terminal.path('base64'), `${quote.toString('base64')}\n`)
  const fromBase64 = await terminal.vouchsafe(['quote', 'show', terminal.path('base64'), '--json'])
  assert.deepEqual((fromBase64.json() as { reportData: string }).reportData, 'ab'.repeat(64))
})

test('quote verify exits 0 for a quote that is accepted', async () => {
  await using terminal = await prepared()
  const { code, text } = await terminal.vouchsafe([...terminal.verify, '--root', terminal.path('root.pem'), '--at', '2026-03-02'])
  assert.equal(code, 0, text)
  assert.match(text, /^accepted at 2026-03-02T00:00:00Z: TCB status UpToDate\n/)
  assert.match(text, /TCB info: 1 days old, 29 days left/)
})

test('quote verify exits 1 with reasons, in text and JSON, for a root that is not trusted and for expired collateral', async () => {
  await using terminal = await prepared()
  const foreign = await terminal.vouchsafe([...terminal.verify, '--at', '2026-03-02'])
  assert.equal(foreign.code, 1)
  assert.match(foreign.text, /^REFUSED[^]*pck-chain-anchor/)
  const late = await terminal.vouchsafe([...terminal.verify, '--root', terminal.path('root.pem'), '--at', '2026-06-01T00:00Z', '--json'])
  assert.equal(late.code, 1)
  const report = late.json() as { accepted: boolean; status: string; reasons: string[] }
  assert.deepEqual([report.accepted, report.status], [false, 'UpToDate'])
  assert.ok(report.reasons.some((reason) => reason.startsWith('tcb-info-dates')))
})

test('quote verify accepts only the statuses that are named', async () => {
  await using terminal = await prepared()
  const args = [...terminal.verify, '--root', terminal.path('root.pem'), '--at', '2026-03-02']
  const { code, text } = await terminal.vouchsafe([...args, '--accept', 'SWHardeningNeeded', '--accept', 'ConfigurationNeeded'])
  assert.equal(code, 1)
  assert.match(text, /expected one of SWHardeningNeeded, ConfigurationNeeded, found UpToDate/)
})

for (const [what, args, message] of [
  ['no quote', ['quote', 'verify', '/nonexistent/quote', '--collateral', '/tmp'], /cannot read \/nonexistent\/quote: ENOENT/],
  ['no collateral option', ['quote', 'verify', '/dev/null'], /--collateral PATH\|URL is missing/],
  ['an empty quote', ['quote', 'verify', '/dev/null', '--collateral', '/tmp'], /version: 2 bytes expected/],
  ['a folder for a quote', ['quote', 'show', '/tmp'], /\/tmp is a folder, not a file/],
  ['an unknown status', ['quote', 'verify', 'q', '--collateral', 'c', '--accept', 'Good'], /unknown TCB status 'Good'/],
  ['a time that is none', ['quote', 'verify', 'q', '--collateral', 'c', '--at', '2026-02-30'], /--at must be/],
  ['a quote that is none', ['quote', 'show', new URL(import.meta.url).pathname], /version: /],
] as const)
  test(`quote commands exit 2 for ${what}`, async () => {
    await using terminal = await openTerminal()
    const { code, stderr } = await terminal.vouchsafe([...args])
    assert.equal(code, 2, stderr)
    assert.match(stderr, message)
  })

test('quote verify exits 2 where there is nothing that could be collateral, and for a root that is no certificate', async () => {
  await using terminal = await prepared()
  const itself = await terminal.vouchsafe(['quote', 'verify', terminal.path('quote'), '--collateral', terminal.path('quote')])
  assert.deepEqual([itself.code, /holds no collateral/.test(itself.stderr)], [2, true])
  await writeFile(terminal.path('broken.json'), '{"tcb_info":')
  const broken = await terminal.vouchsafe(['quote', 'verify', terminal.path('quote'), '--collateral', terminal.path('broken.json')])
  assert.deepEqual([broken.code, /not JSON/.test(broken.stderr)], [2, true])
  const noRoot = await terminal.vouchsafe([...terminal.verify, '--root', terminal.path('broken.json')])
  assert.equal(noRoot.code, 2)
})
