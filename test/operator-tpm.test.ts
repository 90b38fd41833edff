// The root key in a TPM: an emulator's, with tpm2-tools to change its PCRs.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { enroll } from '@vouchsafe/testkit/ehsm-calls'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import { fill, openInstallation, useAll } from './support/installation.ts'

test('the tpm2 seal opens on this TPM with these PCRs, and says which one has changed', async () => {
  await using tpm = await startSwtpm()
  await using place = await openInstallation('sqlite', {
    VOUCHSAFE_SEAL: 'tpm2',
    VOUCHSAFE_TPM: tpm.address,
    VOUCHSAFE_SEAL_PCRS: 'sha256:7,14',
  })
  const server = await place.start()
  const belongings = await fill(server.url, await enroll(server.url), 3)
  assert.match(await place.done(['seal', 'show']), /^seal +tpm2$/m)
  const file = await readFile(join(place.dataDir, 'root.key'), 'utf8')
  assert.ok(!file.includes('"key"'))
  await place.done(['seal', 'rotate'])
  await place.done(['domain-key', 'rotate'])
  await server[Symbol.asyncDispose]()
  const opensAgain = async () => {
    await using again = await place.start()
    await useAll(again.url, belongings)
  }
  await opensAgain()

  const extend = (pcr: number) =>
    execFileSync('tpm2_pcrextend', ['-T', tpm.tctiString, `${pcr}:sha256=${'11'.repeat(32)}`], { stdio: 'pipe' })
  extend(9)
  await opensAgain()
  extend(14)
  await assert.rejects(place.start(), { name: 'SealError', message: /does not unseal the root key: PCR 14 of sha256 changed/ })
  assert.match(await place.refused(['apps', 'list']), /PCR 14 of sha256 changed/)
  await tpm.reset()
  await opensAgain()
  await using stranger = await startSwtpm()
  place.env['VOUCHSAFE_TPM'] = stranger.address
  await assert.rejects(place.start(), { name: 'SealError', message: /sealed by another TPM/ })
  place.env['VOUCHSAFE_TPM'] = `swtpm:${tpm.path('nothing')}`
  await assert.rejects(place.start(), { name: 'SealError', message: /the TPM swtpm:/ })
})

test('a store moves to a TPM and away from it while the server runs', async () => {
  await using tpm = await startSwtpm()
  await using place = await openInstallation('sqlite', { VOUCHSAFE_TPM: tpm.address })
  const server = await place.start()
  const belongings = await fill(server.url, await enroll(server.url), 3)
  assert.match(await place.done(['seal', 'rotate', '--to', 'tpm2']), /\(tpm2\)/)
  await server[Symbol.asyncDispose]()
  const again = await place.start()
  await useAll(again.url, belongings)
  await place.done(['seal', 'rotate', '--to', 'file'])
  await again[Symbol.asyncDispose]()
  await tpm.stop()
  await useAll((await place.start()).url, belongings)
})
