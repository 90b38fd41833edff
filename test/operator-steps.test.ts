// kill -9 at every step of what operators do to the whole store: it opens afterwards, with everything in it, and the command goes on.
// Every step by npm run soak; otherwise every twelfth, beginning anywhere.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enroll } from '@vouchsafe/testkit/ehsm-calls'
import { LATER, fill, later, openInstallation, useAll } from './support/installation.ts'
import type { Installation } from './support/installation.ts'
import { random } from './support/random.ts'

const PROCESS = fileURLToPath(new URL('./support/stepping-process.ts', import.meta.url))
const STRIDE = process.env['VOUCHSAFE_TEST_FULL'] ? 1 : 20
const PASSPHRASE = { VOUCHSAFE_BACKUP_PASSPHRASE: 'a passphrase of the backup' }

/** Does the work with a kill at this step; whether it was killed. */
async function killedAt(place: Installation, what: string, step: number, file?: string): Promise<boolean> {
  const args = ['--disable-warning=ExperimentalWarning', PROCESS, what, String(step), JSON.stringify(place.store.location)]
  const env = { ...process.env, ...PASSPHRASE }
  const child = spawn(process.execPath, file === undefined ? args : [...args, file], { stdio: ['ignore', 'ignore', 'pipe'], env })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  if (signal === 'SIGKILL') return true
  assert.equal(code, 0, errors)
  return false
}

/** Steps from anywhere within the first stride on. */
function* steps(): Generator<number> {
  for (let step = Math.floor(random() * STRIDE); ; step += STRIDE) yield step
}

for (const kind of ['sqlite', 'postgres'] as const) {
  for (const what of ['seal', 'domain-key']) {
    test(`kill -9 at steps of ${what} rotate (${kind})`, async () => {
      await using place = await openInstallation(kind)
      const server = await place.start()
      const belongings = await fill(server.url, await enroll(server.url), 5)
      await server[Symbol.asyncDispose]()
      const rotate = what === 'seal' ? ['seal', 'rotate'] : ['domain-key', 'rotate']
      for (const step of steps()) {
        if (!(await killedAt(place, what, step))) break
        {
          await using again = await place.start([], LATER)
          await useAll(again.url, belongings, later)
        }
        // It goes on where it was cut short, and a new one begins afterwards.
        await place.done(rotate)
      }
      await using again = await place.start([], LATER)
      await useAll(again.url, belongings, later)
    })
  }
}

test('kill -9 at steps of restore: nothing opens a part of a store, and another restore brings all of it', async () => {
  await using source = await openInstallation('sqlite', PASSPHRASE)
  const server = await source.start()
  const belongings = await fill(server.url, await enroll(server.url), 5)
  const file = source.path('backup')
  await source.done(['backup', file])
  for (const kind of ['sqlite', 'postgres'] as const) {
    for (const step of steps()) {
      await using place = await openInstallation(kind, PASSPHRASE)
      const killed = await killedAt(place, 'restore', step, file)
      const started = await place.start([], LATER).catch((error: unknown) => error as Error)
      if (started instanceof Error) {
        assert.match(started.message, /a restore into this store was not finished: run 'vouchsafe restore' again/)
        await place.done(['restore', file])
        await useAll((await place.start([], LATER)).url, belongings, later)
      } else if ((await started.context.storage.countApps()) === 0) {
        // It had not begun.
        await started[Symbol.asyncDispose]()
        await place.done(['restore', file])
        await useAll((await place.start([], LATER)).url, belongings, later)
      } else {
        await useAll(started.url, belongings, later)
      }
      if (!killed) break
    }
  }
})
