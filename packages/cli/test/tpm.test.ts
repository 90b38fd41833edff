import assert from 'node:assert/strict'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createAk, createEk, loadAk, openTpm, tpm2 } from '@vouchsafe/tpm'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import { tool } from '@vouchsafe/testkit/tpm2-tools'

const NONCE = '00112233445566778899aabbccddeeff'

async function start() {
  const swtpm = await startSwtpm()
  const terminal = await openTerminal()
  terminal.env.VOUCHSAFE_TPM = swtpm.address
  return {
    swtpm,
    terminal,
    [Symbol.asyncDispose]: () => Promise.all([swtpm.stop(), terminal[Symbol.asyncDispose]()]).then(() => undefined),
  }
}

test('tpm info says what the TPM is and has', async () => {
  await using both = await start()
  const { code, text } = await both.terminal.vouchsafe(['tpm', 'info'])
  assert.equal(code, 0)
  assert.match(text, /^manufacturer +IBM SW TPM$/m)
  assert.match(text, /^PCR banks +sha1 \(24 PCRs\), sha256 \(24 PCRs\), sha384 \(24 PCRs\), sha512 \(24 PCRs\)$/m)
  assert.match(text, /^EK certificates +none$/m)
  const json = (await both.terminal.vouchsafe(['tpm', 'info', '--json'])).json() as { family: string; persistentHandles: string[] }
  assert.deepEqual([json.family, json.persistentHandles], ['2.0', []])
})

test('tpm pcrs prints what tpm2_pcrread prints', async () => {
  await using both = await start()
  await tool(both.swtpm, 'tpm2_pcrextend', `16:sha256=${'11'.repeat(32)}`)
  const theirs = await tool(both.swtpm, 'tpm2_pcrread', 'sha256:16')
  const value = /0x([0-9A-F]{64})/.exec(theirs)![1]!.toLowerCase()
  const { text } = await both.terminal.vouchsafe(['tpm', 'pcrs', '--pcrs', 'sha256:0-2,16+sha1:5'])
  const lines = text.split('\n').map((line) => line.split(/ +/))
  assert.deepEqual(
    lines.slice(0, 5).map(([bank, index]) => `${bank}:${index}`),
    ['sha256:0', 'sha256:1', 'sha256:2', 'sha256:16', 'sha1:5'],
  )
  assert.equal(lines[3]![2], value)
  const all = (await both.terminal.vouchsafe(['tpm', 'pcrs', '--json'])).json() as { pcrs: Record<string, Record<string, string>> }
  assert.equal(all.pcrs.sha256!['16'], value)
  assert.deepEqual(
    Object.entries(all.pcrs).map(([bank, values]) => [bank, Object.keys(values).length]),
    [
      ['sha1', 24],
      ['sha256', 24],
      ['sha384', 24],
      ['sha512', 24],
    ],
  )
})

test('a quote goes to a folder and is verified from there; another nonce, PCR or key is not', async () => {
  await using both = await start()
  const { vouchsafe, path } = both.terminal
  for (const scheme of ['ecdsa', 'rsassa', 'rsapss']) {
    const made = await vouchsafe(['tpm', 'quote', '--pcrs', 'sha256:0-7', '--nonce', NONCE, '--scheme', scheme, '--out', path(scheme)])
    assert.deepEqual([made.code, made.text, made.stderr], [0, `nonce ${NONCE}\n`, ''])
    assert.deepEqual((await readdir(path(scheme))).sort(), ['ak.pem', 'pcrs.json', 'quote.bin', 'signature.bin'])
    const good = await vouchsafe(['tpm', 'verify-quote', path(scheme), '--nonce', NONCE])
    assert.equal(good.code, 0, good.text + good.stderr)
    assert.match(good.text, /^ok +qualifying-data +00112233445566778899aabbccddeeff$/m)
    assert.match(good.text, /the quote is valid\n$/)
  }
  const stale = await vouchsafe(['tpm', 'verify-quote', path('ecdsa'), '--nonce', 'ff'])
  assert.equal(stale.code, 1)
  assert.match(stale.text, /^FAILED +qualifying-data +expected ff, found 00112233445566778899aabbccddeeff$/m)
  assert.equal((await vouchsafe(['tpm', 'verify-quote', path('ecdsa'), '--any-nonce'])).code, 0)
  const otherKey = await vouchsafe(['tpm', 'verify-quote', path('ecdsa'), '--nonce', NONCE, '--key', path('rsassa/ak.pem'), '--json'])
  assert.equal(otherKey.code, 1)
  const { valid, checks } = otherKey.json() as { valid: boolean; checks: { name: string; passed: boolean }[] }
  assert.equal(valid, false)
  assert.deepEqual(
    checks.filter(({ passed }) => !passed).map(({ name }) => name),
    ['key'],
  )
  const pcrs = await readFile(path('ecdsa/pcrs.json'), 'utf8')
  await writeFile(path('changed.json'), pcrs.replace(/"3": "0/, '"3": "1'))
  const changed = await vouchsafe(['tpm', 'verify-quote', path('ecdsa'), '--nonce', NONCE, '--pcrs', path('changed.json')])
  assert.equal(changed.code, 1)
  assert.match(changed.text, /^FAILED +pcr-digest/m)
})

test('a persistent attestation key quotes; the quote is accepted by tpm2_checkquote', async () => {
  await using both = await start()
  const { vouchsafe, path } = both.terminal
  const handle = 0x81010002
  {
    await using tpm = await openTpm(both.swtpm.address)
    const ek = await createEk(tpm, 'ecc')
    await tpm2.evictControl(tpm, { object: await loadAk(tpm, ek, await createAk(tpm, ek, { scheme: 'rsassa' })), persistent: handle })
  }
  const options = ['--ak-handle', '0x81010002', '--nonce', NONCE, '--pcrs', 'sha256:0,7']
  assert.equal((await vouchsafe(['tpm', 'quote', ...options, '--out', path('q')])).code, 0)
  const files = ['-u', path('q/ak.pem'), '-m', path('q/quote.bin'), '-s', path('q/signature.bin')]
  await tool(both.swtpm, 'tpm2_checkquote', '-g', 'sha256', '-q', NONCE, ...files)
  const missing = await vouchsafe(['tpm', 'quote', '--ak-handle', '0x81010003'])
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /^vouchsafe: TPM2_ReadPublic: TPM_RC_HANDLE \(0x18b, handle 1\)/)
  const printed = (await vouchsafe(['tpm', 'quote', ...options, '--json'])).json() as Record<string, unknown>
  assert.deepEqual(Object.keys(printed), ['quote', 'signature', 'publicKey', 'pcrs', 'nonce'])
  assert.equal(printed.nonce, NONCE)
})

test('a quote of tpm2_quote is verified from its files, with the PCR values as tpm2_pcrread prints them', async () => {
  await using both = await start()
  const { swtpm } = both
  await tool(swtpm, 'tpm2_createek', '-Q', '-G', 'rsa', '-c', 'ek.ctx', '-u', 'ek.pub')
  const keys = ['-G', 'ecc', '-g', 'sha256', '-s', 'ecdsa']
  await tool(swtpm, 'tpm2_createak', '-Q', '-C', 'ek.ctx', '-c', 'ak.ctx', '-u', 'ak.pub', '-f', 'tss', ...keys)
  await tool(swtpm, 'tpm2_quote', '-Q', '-c', 'ak.ctx', '-l', 'sha256:0,1,2+sha1:3', '-q', NONCE, '-m', 'quote', '-s', 'signature')
  await writeFile(swtpm.path('pcrs'), await tool(swtpm, 'tpm2_pcrread', 'sha256:0,1,2+sha1:3'))
  const options = Object.entries({ quote: 'quote', signature: 'signature', key: 'ak.pub', pcrs: 'pcrs' })
  const files = options.flatMap(([option, name]) => [`--${option}`, swtpm.path(name)])
  const { code, text, stderr } = await both.terminal.vouchsafe(['tpm', 'verify-quote', ...files, '--nonce', NONCE])
  assert.equal(code, 0, text + stderr)
})

test('wrong command lines are refused with 2, unreadable files with 1, before the TPM is asked', async () => {
  await using terminal = await openTerminal()
  const refused = async (...args: string[]) => {
    const { code, stderr } = await terminal.vouchsafe(
      ['tpm', ...args, '--tpm', 'swtpm:/nowhere'].slice(0, args[0] === 'verify-quote' ? -2 : undefined),
    )
    return [code, stderr]
  }
  assert.deepEqual(await refused('pcrs', '--pcrs', 'sha256:24'), [2, "vouchsafe: --pcrs: '24' is not one of the PCRs 0 to 23\n"])
  assert.deepEqual(await refused('pcrs', '--pcrs', 'sha256:1+sha256:2'), [2, 'vouchsafe: --pcrs names a bank more than once\n'])
  assert.equal((await refused('pcrs', '--pcrs', 'md5:1'))[0], 2)
  assert.deepEqual(await refused('quote', '--nonce', 'xyz'), [2, 'vouchsafe: --nonce must be bytes in hex\n'])
  assert.equal((await refused('quote', '--scheme', 'hmac'))[0], 2)
  assert.equal((await refused('quote', '--ak-handle', '1'))[0], 2)
  assert.equal((await refused('verify-quote', terminal.dir))[0], 2)
  assert.deepEqual(await refused('verify-quote', '--any-nonce'), [2, 'vouchsafe: --quote FILE is missing\n'])
  assert.equal((await refused('verify-quote', terminal.dir, '--any-nonce'))[0], 1)
  assert.match(String((await refused('info'))[1]), /^vouchsafe: TPM at \/nowhere: .*ENOENT/)
  for (const name of ['quote.bin', 'signature.bin', 'ak.pem']) await writeFile(terminal.path(name), 'nonsense')
  await writeFile(terminal.path('pcrs.json'), '{}')
  assert.match(String((await refused('verify-quote', terminal.dir, '--any-nonce'))[1]), /the key is neither a public key/)
})
