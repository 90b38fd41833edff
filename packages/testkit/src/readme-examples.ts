// The TypeScript examples of a package's README, run as a reader would.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'

/** Defines a test for each `ts` block of the README, named after its heading, and one that there are at least `least`. */
export function testReadmeExamples(readme: string, least: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-readme-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)]

  test('the README has examples', () => assert.ok(examples.length >= least))

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
}
