import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { workFolder } from './pki.ts'

const file = workFolder()
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

test("the README's example runs", async () => {
  const code = /```ts\n([^]*?)```/.exec(readme)?.[1]
  assert.ok(code)
  const path = file('example.ts', code.replaceAll("'@vouchsafe/x509'", JSON.stringify(new URL('../src/index.ts', import.meta.url).href)))
  await import(pathToFileURL(path).href)
})
