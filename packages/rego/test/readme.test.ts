import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testReadmeExamples } from '@vouchsafe/testkit/readme-examples'
import { DEFAULT_LIMITS } from '../src/index.ts'

const readme = testReadmeExamples(import.meta.url, 6)

test('the README tells every limit with its default', () => {
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}\` |`))
    assert.ok(row, name)
    const shown = value % (1024 * 1024) === 0 ? `${value / 1024 / 1024} MiB` : value.toLocaleString('en-US')
    assert.ok(row.includes(`| ${shown} |`), row)
  }
})
