// docs/operations.md keeps its word: an operator who follows it gets what it says.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SEPARATOR, examples, mask, run } from './support/examples.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

test('docs/operations.md: the walk from an empty folder to a restored server runs, and prints what the document says', async () => {
  const blocks = examples(await readFile(join(ROOT, 'docs/operations.md'), 'utf8'))
  const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-docs-'))
  try {
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const script = blocks.map(({ code }) => `${code}\necho '${SEPARATOR}'\n`).join('')
    const output = await run(script.replaceAll('127.0.0.1:9000', `127.0.0.1:${await freePort()}`), folder, {
      XDG_CONFIG_HOME: join(folder, '.config'),
      npm_config_offline: 'true',
    })
    const printed = output.split(`${SEPARATOR}\n`)
    blocks.forEach(({ code, expected }, i) => {
      if (expected !== undefined) assert.equal(mask(printed[i]!, folder), mask(expected, '/home/you'), code)
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

/** A port that was free a moment ago; the document names one, and a reader has to as well. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
