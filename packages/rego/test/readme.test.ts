import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { DEFAULT_LIMITS } from '../src/index.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-rego-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!)

test('the README has examples', () => assert.ok(examples.length >= 6))

for (const [i, code] of examples.entries()) {
  const heading = readme
    .slice(0, readme.indexOf(code))
    .match(/^#+ (.*)$/gm)!
    .at(-1)!
  test(`the example of “${heading.replace(/^#+ /, '')}” runs`, async () => {
    const path = join(folder, `example-${i}.ts`)
    writeFileSync(path, code.replaceAll("'@vouchsafe/rego'", JSON.stringify(new URL('../src/index.ts', import.meta.url).href)))
    await import(pathToFileURL(path).href)
  })
}

test('the README tells every limit with its default', () => {
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}\` |`))
    assert.ok(row, name)
    const shown = value % (1024 * 1024) === 0 ? `${value / 1024 / 1024} MiB` : value.toLocaleString('en-US')
    assert.ok(row.includes(`| ${shown} |`), row)
  }
})
