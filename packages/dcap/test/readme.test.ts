import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testReadmeExamples } from '@vouchsafe/testkit/readme-examples'

const readme = testReadmeExamples(import.meta.url, 1)

test('the README’s example verifies a quote', () => {
  assert.match(readme, /```ts\n[^`]*verifyQuote/)
})
