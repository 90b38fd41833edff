import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { testReadmeExamples } from '@vouchsafe/testkit/readme-examples'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

testReadmeExamples(readme, 1)

test('the README’s example verifies a quote', () => {
  assert.match(readme, /```ts\n[^`]*verifyQuote/)
})
