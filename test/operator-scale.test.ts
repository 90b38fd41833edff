// A large installation: rotated, backed up and restored, with every key checked. 20,000 keys by npm run soak.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enroll, succeed } from '@vouchsafe/testkit/ehsm-calls'
import type { Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { LATER, later, openInstallation } from './support/installation.ts'

const KEYS = process.env['VOUCHSAFE_TEST_FULL'] ? 20_000 : 200
const APPS = 4
const AT_ONCE = 16
const TEXT = Buffer.from('protected').toString('base64')
const ENV = { VOUCHSAFE_BACKUP_PASSPHRASE: 'a passphrase of the backup' }

interface Made {
  app: Credentials
  keyid: string
  ciphertext: string
}

/** Does something with each of the items, several at a time. */
async function each<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]()
  const worker = async () => {
    for (let next = queue.next(); !next.done; next = queue.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

for (const [kind, other] of [
  ['sqlite', 'postgres'],
  ['postgres', 'sqlite'],
] as const) {
  test(`${KEYS} keys on ${kind}: rotated, backed up, restored into ${other}, every key checked`, async (t) => {
    const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      const started = performance.now()
      const result = await work()
      t.diagnostic(`${kind}: ${what}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
      return result
    }
    await using place = await openInstallation(kind, ENV)
    const server = await place.start()
    const apps: Credentials[] = []
    for (let i = 0; i < APPS; i++) apps.push(await enroll(server.url))
    const made: Made[] = []
    await timed('keys created and used', () =>
      each(Array(KEYS).keys(), async (i) => {
        const app = apps[i % APPS]!
        const keyid = String((await succeed(server.url, app, 'CreateKey', { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' })).keyid)
        made.push({ app, keyid, ciphertext: String((await succeed(server.url, app, 'Encrypt', { keyid, plaintext: TEXT })).ciphertext) })
      }),
    )
    const check = (url: string, options: () => { timestamp?: string }) =>
      each(made, async ({ app, keyid, ciphertext }) =>
        assert.equal((await succeed(url, app, 'Decrypt', { keyid, ciphertext }, options())).plaintext, TEXT),
      )
    const text = await timed('domain-key rotate', () => place.done(['domain-key', 'rotate']))
    // Beside the apps' keys there may be those that a server makes for itself, some of them soon after its start.
    assert.ok(Number(/(\d+) blobs/.exec(text)![1]) >= KEYS + 2 * APPS, text)
    await timed('seal rotate', () => place.done(['seal', 'rotate']))
    const file = place.path('backup')
    await timed('backup', () => place.done(['backup', file]))
    await server[Symbol.asyncDispose]()
    {
      await using again = await place.start([], LATER)
      await timed('every key checked after the rotation', () => check(again.url, later))
    }
    await using target = await openInstallation(other, ENV)
    await timed(`restore into ${other}`, () => target.done(['restore', file]))
    const restored = await target.start([], LATER)
    await timed('every key checked after the restore', () => check(restored.url, later))
  })
}
