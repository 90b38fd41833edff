import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { testReadmeExamples } from '@vouchsafe/testkit/readme-examples'

const readme = testReadmeExamples(import.meta.url, 1)

test('the README’s example verifies an export', () => {
  assert.match(readme, /```ts\n[^`]*verifyExport/)
})

test('the README names every fault', () => {
  const source = readFileSync(new URL('../src/export/fault.ts', import.meta.url), 'utf8')
  const codes = [...source.matchAll(/^ {2}\| '(\w+)'/gm)].map((match) => match[1]!)
  assert.ok(codes.length > 10)
  for (const code of codes) assert.ok(readme.includes(`\`${code}\``), code)
})
