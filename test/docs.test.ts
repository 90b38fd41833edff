// The documents keep their word: what they tell a reader to run runs, and prints what they say that it prints; derived tables are up to date.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { derivedSections, withSections } from '../tools/doc-tables.ts'
import { testExamples } from './support/examples.ts'

for (const document of [
  'README.md',
  'docs/key-management.md',
  'docs/secrets.md',
  'docs/quotes.md',
  'docs/server.md',
  'docs/tpm.md',
  'docs/trail.md',
]) {
  testExamples(document)
}

test('the tables that are derived from the code are up to date (npm run docs)', async () => {
  for (const [file, sections] of Object.entries(derivedSections())) {
    const text = await readFile(file, 'utf8')
    assert.equal(text, withSections(text, sections), file)
  }
})
