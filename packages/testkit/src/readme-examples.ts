// The TypeScript examples of a package's README, run as a reader would.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'

/**
 * Defines a test for each `ts` block of the README of the package whose test calls this with its `import.meta.url`, named after the block's
 * heading, and one that there are at least `min`. Returns the README.
 */
export function testReadmeExamples(testUrl: string, min: number): string {
  const readme = readFileSync(new URL('../README.md', testUrl), 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-readme-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)]

  test('the README has examples', () => assert.ok(examples.length >= min))

  for (const [i, example] of examples.entries()) {
    const headings = readme.slice(0, example.index).match(/^#+ .*$/gm)!
    test(`the example of “${headings.at(-1)!.replace(/^#+ /, '')}” runs`, async () => {
      const path = join(folder, `example-${i}.ts`)
      // Outside the workspace no package is found by its name.
      const code = example[1]!.replaceAll(/'(@vouchsafe\/[\w/-]+)'/g, (_, name: string) => JSON.stringify(import.meta.resolve(name)))
      writeFileSync(path, code)
      await import(pathToFileURL(path).href)
    })
  }
  return readme
}
