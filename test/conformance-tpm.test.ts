/** The conformance runner's suites `ima` and `tpm-quote` on tiny folders: what passes, what fails, what is skipped. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createPrivateKey, sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { writeImaLog } from '@vouchsafe/testkit/ima-log-writer'
import { encodeAttest, encodeSignature, pcrDigest } from '@vouchsafe/tpm'

const RUNNER = fileURLToPath(new URL('../tools/conformance.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-conformance-'))
after(() => rmSync(folder, { recursive: true }))

/** The suite's lines on a folder of these files. */
function runOn(suite: string, files: Record<string, string | Uint8Array>): { status: number | null; lines: string[] } {
  const directory = mkdtempSync(join(folder, 'run-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(directory, suite, dirname(name)), { recursive: true })
    writeFileSync(join(directory, suite, name), content)
  }
  const { status, stdout } = spawnSync(process.execPath, [RUNNER, directory], { encoding: 'utf8' })
  return { status, lines: stdout.split('\n').filter((line) => line.startsWith(`${suite}: `)) }
}

test('IMA logs that are read as they should be pass, unknown ones are skipped', () => {
  const host = (algorithm: string, size: number) =>
    writeImaLog(
      ['boot_aggregate', '/data'].map((path) => ({ path, algorithm, digest: Buffer.alloc(size, 1) })),
      { format: 'ascii' },
    )
  const { status, lines } = runOn('ima', {
    'keylime/ima-log-sha384': host('sha384', 48),
    'keylime/ima-log-unknown': host('unknown', 29),
    'keylime/notes.txt': '',
    'other/log': '',
  })
  assert.deepEqual(lines, [
    'ima: skipped 1 in keylime/notes.txt: nothing is known to expect of it',
    'ima: skipped 1 in other: nothing is known to expect of it',
    'ima: 2 passed, 0 failed, 2 skipped',
  ])
  assert.equal(status, 0)
})

test('an IMA log that leads to another PCR fails, and so does one that is misread', () => {
  const { status, lines } = runOn('ima', {
    'gta/ima.log': writeImaLog([{ path: 'boot_aggregate' }, { path: '/usr/bin/cat' }], { format: 'ascii', digests: 'sha256' }),
    'keylime/ima-log-sha512': writeImaLog([{ path: 'boot_aggregate' }, { path: '/data' }], { format: 'ascii' }),
  })
  assert.equal(status, 1)
  assert.ok(lines.includes('ima: FAILED gta/ima.log PCR 10: not the expected result'))
  assert.ok(lines.includes('ima: FAILED keylime/ima-log-sha512 entries: not the expected result'))
})

test('quotes pass as valid or as of another key, and fail the other way round', () => {
  const certificates = ['ak', 'other'].map((name) => {
    const out = join(folder, name)
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', `${out}.key`, '-out', `${out}.pem`]
    execFileSync('openssl', args, { stdio: 'ignore' })
    return readFileSync(`${out}.pem`, 'utf8').replaceAll(/-----[^-]+-----|\s/g, '')
  })
  const value = Buffer.alloc(32, 7)
  const pcrSelections = [{ algorithm: 'sha256' as const, indices: [0, 1] }]
  const values = new Map([0, 1].map((index) => [index, value]))
  const quote = encodeAttest({
    type: 'quote',
    qualifiedSigner: new Uint8Array(),
    extraData: new Uint8Array(),
    clockInfo: { clock: 1n, resetCount: 0, restartCount: 0, safe: true },
    firmwareVersion: 1n,
    pcrSelections,
    pcrDigest: pcrDigest('sha256', pcrSelections, [{ algorithm: 'sha256', values }]),
  })
  const signature = encodeSignature({
    scheme: 'rsassa',
    hash: 'sha256',
    signature: sign('sha256', quote, createPrivateKey(readFileSync(join(folder, 'ak.key')))),
  })
  const evidence = (certificate: string) => ({
    evidence: {
      quote: { quote_data: Buffer.from(quote).toString('base64'), signature: Buffer.from(signature).toString('base64') },
      pcrs: { hash_alg: 'sha256', pcr_values: [0, 1].map((index) => ({ pcr_index: index, pcr_value: value.toString('hex') })) },
      ak_certs: [{ cert_type: 'iak', cert_data: certificate }],
    },
  })
  const [ak, other] = certificates.map((certificate) => JSON.stringify(evidence(certificate)))
  const good = runOn('tpm-quote', { 'gta/boot_test_evidence.json': ak!, 'gta/common_test_evidence.json': other!, 'gta/more.json': ak! })
  assert.deepEqual(good.lines, [
    'tpm-quote: skipped 1 in gta/more.json: nothing is known to expect of it',
    'tpm-quote: 9 passed, 0 failed, 1 skipped',
  ])
  const swapped = runOn('tpm-quote', { 'gta/boot_test_evidence.json': other!, 'gta/common_test_evidence.json': ak! })
  assert.equal(swapped.status, 1)
  assert.ok(swapped.lines.includes('tpm-quote: FAILED gta/common_test_evidence.json quote: failed checks none, expected signature'))
  assert.match(runOn('tpm-quote', { 'gta/boot_test_evidence.json': '{}' }).lines[0]!, /FAILED .* cannot be read: evidence is not an object/)
})
