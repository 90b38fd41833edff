import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ecAk, softwareQuote, someBank } from '@vouchsafe/testkit/software-quote'
import { startSwtpm } from '@vouchsafe/testkit/swtpm'
import type { Swtpm } from '@vouchsafe/testkit/swtpm'
import { verifyQuote } from '../src/index.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-tpm-'))
let swtpm: Swtpm
before(async () => {
  swtpm = await startSwtpm()
  process.env.VOUCHSAFE_TPM = swtpm.address
})
after(async () => {
  await swtpm.stop()
  rmSync(folder, { recursive: true, force: true })
})

const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!)

test('the README has examples', () => assert.ok(examples.length >= 4))

for (const [i, code] of examples.entries()) {
  const heading = readme
    .slice(0, readme.indexOf(code))
    .match(/^#+ (.*)$/gm)!
    .at(-1)!
  test(`the example of “${heading.replace(/^#+ /, '')}” runs`, async () => {
    const path = join(folder, `example-${i}.ts`)
    writeFileSync(path, code.replaceAll("'@vouchsafe/tpm'", JSON.stringify(new URL('../src/index.ts', import.meta.url).href)))
    await import(pathToFileURL(path).href)
  })
}

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
