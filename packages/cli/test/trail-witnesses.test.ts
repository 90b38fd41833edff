// What witnesses cosigned is printed, exported and proven, and `trail verify --policy` demands it.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatNote, formatPolicy, formatVerifierKey, parseNote, type VerifierKey } from '@vouchsafe/audit-log'
import { eventually } from '@vouchsafe/testkit/retry'
import { startTestServer } from '@vouchsafe/testkit/server'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import { makeSigner, startWitness } from '@vouchsafe/testkit/witness'

test('an export and a proof satisfy the policy whose witnesses cosigned them, and no other', async () => {
  const [ed, ml] = [makeSigner('w1.example', 'cosignature-ed25519'), makeSigner('w2.example', 'cosignature-ml-dsa-44')]
  await using one = await startWitness(ed)
  await using two = await startWitness(ml)
  const flags = [
    ...['--witness-url', `${one.url},${two.url}`],
    ...['--witness-key', [ed, ml].map(({ key }) => formatVerifierKey(key)).join()],
  ]
  await using server = await startTestServer({ flags })
  await using terminal = await openTerminal()
  terminal.env['VOUCHSAFE_DATA_DIR'] = server.dataDir
  const vouchsafe = async (...args: string[]) => {
    const { code, text, stderr } = await terminal.vouchsafe(['trail', ...args])
    return { code, text: text + stderr }
  }
  const { logKey } = server.server.context
  const none = await vouchsafe('checkpoint', '--cosigned')
  assert.notEqual(none.code, 0)
  assert.match(none.text, /No witness has cosigned/)
  for (const { trusted } of [one, two]) trusted.set(logKey.origin(1), logKey.verifierKey(1))
  const note = await eventually(async () => {
    const { text } = await vouchsafe('checkpoint', '--cosigned')
    assert.equal(parseNote(text).signatures.length, 3)
    return text
  })

  const policy = async (name: string, log: VerifierKey, ...witnesses: VerifierKey[]) => {
    const named = witnesses.map((key, i) => ({ name: `w${i}`, key }))
    const groups = [{ name: 'all', threshold: named.length, members: named.map((witness) => witness.name) }]
    const parts = named.length === 0 ? { groups: [], quorum: 'none' } : { groups, quorum: 'all' }
    await writeFile(terminal.path(name), formatPolicy({ logs: [{ key: log }], witnesses: named, ...parts }))
    return ['--policy', terminal.path(name)]
  }
  const own = logKey.verifierKey(1)
  const stranger = makeSigner('w3.example', 'cosignature-ed25519').key
  const both = await policy('both', own, ed.key, ml.key)
  const three = await policy('three', own, ed.key, ml.key, stranger)
  const otherLog = await policy('log', makeSigner(own.name, 'note').key, ed.key)
  const folder = terminal.path('export')
  assert.equal((await vouchsafe('export', folder, '--cosigned')).code, 0)
  assert.equal(parseNote(await readFile(join(folder, 'checkpoint'), 'utf8')).signatures.length, 3)
  const proof = terminal.path('proof')
  await writeFile(proof, (await vouchsafe('prove', '0', '--cosigned')).text)

  for (const path of [folder, proof]) {
    const seen = await vouchsafe('verify', path, ...both)
    assert.equal(seen.code, 0, seen.text)
    assert.match(seen.text, /cosigned by w0 at 20\d\d-.*\ncosigned by w1 at /)
    const json = JSON.parse((await vouchsafe('verify', path, ...both, '--json')).text) as { ok: boolean; witnesses: { name: string }[] }
    assert.deepEqual([json.ok, json.witnesses.map(({ name }) => name)], [true, ['w0', 'w1']])
    for (const [given, reason] of [
      [three, /quorum all is not reached: 2 of 3/],
      [otherLog, /no known key|not.*signed/],
      [[...both, '--key', formatVerifierKey(makeSigner(own.name, 'note').key)], /no known key/],
    ] as const) {
      const refused = await vouchsafe('verify', path, ...given)
      assert.equal(refused.code, 1)
      assert.match(refused.text, reason)
    }
    assert.equal((await vouchsafe('verify', path, '--policy', terminal.path('nowhere'))).code, 2)
  }
  // Without the cosignatures, or with one that is altered, neither is believed.
  const { text, signatures } = parseNote(note)
  const altered = signatures.map((line) =>
    line.name === own.name ? line : { ...line, signature: line.signature.with(9, 255 - line.signature[9]!) },
  )
  for (const kept of [signatures.filter(({ name }) => name === own.name), altered]) {
    await writeFile(join(folder, 'checkpoint'), formatNote({ text, signatures: kept }))
    assert.match((await vouchsafe('verify', folder, ...both)).text, /not trusted: the quorum all is not reached: 0 of 2/)
    const cut = terminal.path('cut')
    await writeFile(
      cut,
      (await readFile(proof, 'utf8')).replace(/\n\nvouchsafe[^]*$/, () => `\n\n${formatNote({ text, signatures: kept })}`),
    )
    assert.match((await vouchsafe('verify', cut, ...both)).text, /not proven: the quorum all is not reached: 0 of 2/)
  }
})

test('a folder that holds more than the cosigned checkpoint covers is not cut back by an export', async () => {
  const cosigner = makeSigner('w.example', 'cosignature-ed25519')
  await using witness = await startWitness(cosigner)
  await using server = await startTestServer({
    flags: ['--witness-url', witness.url, '--witness-key', formatVerifierKey(cosigner.key)],
  })
  await using terminal = await openTerminal()
  const { logKey } = server.server.context
  const trail = (...args: string[]) => terminal.vouchsafe(['trail', ...args, '--data-dir', server.dataDir])
  witness.trusted.set(logKey.origin(1), logKey.verifierKey(1))
  await eventually(async () => assert.equal((await trail('checkpoint', '--cosigned')).code, 0))
  witness.answer = (res) => void res.writeHead(503).end()
  const folder = terminal.path('export')
  const { size } = (await trail('export', folder, '--json')).json() as { size: number }
  const refused = await trail('export', folder, '--cosigned')
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, new RegExp(`holds ${size} entries, and the cosigned checkpoint covers only`))
  assert.equal((await terminal.vouchsafe(['trail', 'verify', folder])).code, 0)
})
