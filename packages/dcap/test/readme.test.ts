import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-dcap-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('the README’s example runs', async () => {
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readme)!
  const path = join(folder, 'example.ts')
  writeFileSync(path, code!.replaceAll("'@vouchsafe/dcap'", JSON.stringify(new URL('../src/index.ts', import.meta.url).href)))
  await import(pathToFileURL(path).href)
  assert.ok(code!.includes('verifyQuote'))
})
