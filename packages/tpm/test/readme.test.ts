import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testReadmeExamples } from '@vouchsafe/testkit/readme-examples'
import { ecAk, softwareQuote, someBank } from '@vouchsafe/testkit/software-quote'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import type { Swtpm } from '@vouchsafe/testkit/swtpm'
import { verifyQuote } from '../src/index.ts'

const readme = testReadmeExamples(import.meta.url, 4)
let swtpm: Swtpm
before(async () => {
  swtpm = await startSwtpm()
  process.env.VOUCHSAFE_TPM = swtpm.address
})
after(() => swtpm.stop())

test('the README tells every check of a quote, in their order', () => {
  const ak = ecAk('P-256', 'sha256')
  const pcrs = [someBank('sha256', [0])]
  const { checks } = verifyQuote({
    ...softwareQuote(ak, new Uint8Array(8), pcrs),
    publicKey: ak.publicKey,
    qualifyingData: new Uint8Array(8),
    pcrs,
  })
  const told = [...readme.slice(readme.indexOf('| Check |')).matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name)
  assert.deepEqual(
    told.slice(0, checks.length),
    checks.map(({ name }) => name),
  )
})

test('the contents at the head of the README are its sections', () => {
  const sections = [...readme.matchAll(/^## (.*)$/gm)].map(([, title]) => title)
  assert.deepEqual(
    [...readme.matchAll(/^- \[(.*)\]\(#.*\)$/gm)].map(([, title]) => title),
    sections,
  )
})
