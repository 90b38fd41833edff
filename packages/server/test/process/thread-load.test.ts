// A random load on two servers of three threads each: what was acknowledged holds, and no request is accepted twice.
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { connect, type Connection } from '@vouchsafe/testkit/connections'
import { testStore } from '@vouchsafe/testkit/databases'
import { enroll, signedBody, type Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { startTestServer } from '@vouchsafe/testkit/server'

const FULL = process.env['VOUCHSAFE_TEST_FULL'] !== undefined
const OPERATIONS = FULL ? 10_000 : 250
const SEED = Number(process.env['VOUCHSAFE_TEST_SEED'] ?? 20_261_129)
const THREADS = 3
const AT_ONCE = 8
const KEYS = 6
const AES = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }
const PLAINTEXT = Buffer.from('plaintext').toString('base64')
/** When another server must know of a change at the latest: a busy machine is late with everything, so the figure is reported, too. */
const KNOWN_BY_OTHERS_MS = 5_000

/** A key, and what was acknowledged of it: one change at a time. */
interface Key {
  id: string
  enabled: boolean
  /** Of the last acknowledged change. */
  changedAt: number
  changedBy: number
  /** A change is under way. */
  changing: boolean
  changes: number
}

/** Numbers that a seed determines (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

test(`${OPERATIONS} random operations on two servers of ${THREADS} threads`, { timeout: FULL ? 1_200_000 : 170_000 }, async (t) => {
  await using store = await testStore('postgres')
  const flags = ['--threads', String(THREADS)]
  await using first = await startTestServer({ ...store.location, flags })
  await using second = await startTestServer({ ...store.location, flags })
  using toFirst = await connect(first.url)
  using toSecond = await connect(second.url)
  const servers: readonly (readonly Connection[])[] = [toFirst, toSecond]
  const app = await enroll(first.url)
  const keys = await Promise.all(Array.from({ length: KEYS }, () => newKey(toFirst[0]!, app)))
  const random = randomFrom(SEED)
  const accepted: unknown[] = []
  const wrong: string[] = []
  let replays = 0
  let longest = 0
  let left = OPERATIONS

  async function change(key: Key, server: number, connection: Connection): Promise<void> {
    if (key.changing) return
    key.changing = true
    key.changes++
    const { code } = await connection.call(app, key.enabled ? 'DisableKey' : 'EnableKey', { keyid: key.id })
    assert.equal(code, 200)
    key.enabled = !key.enabled
    key.changedAt = performance.now()
    key.changedBy = server
    key.changing = false
  }

  async function use(key: Key, server: number, connection: Connection): Promise<void> {
    const body = signedBody(app, { keyid: key.id, plaintext: PLAINTEXT })
    const { enabled, changing, changes, changedAt, changedBy } = key
    const age = performance.now() - changedAt
    const { code } = await connection.post('Encrypt', body)
    if (code === 200) accepted.push(body)
    // Nothing can be said where a change was under way.
    if (changing || key.changes !== changes) return
    if ((code === 200) === enabled) return
    longest = Math.max(longest, age)
    if (changedBy === server || age > KNOWN_BY_OTHERS_MS)
      wrong.push(`${enabled ? 'refused' : 'used'} on server ${server}, ${Math.round(age)} ms after server ${changedBy} had acknowledged`)
  }

  async function replay(connection: Connection): Promise<void> {
    const body = accepted[random(accepted.length)]
    if (body === undefined) return
    replays++
    if ((await connection.post('Encrypt', body)).code === 200) wrong.push('a request was accepted twice')
  }

  async function worker(): Promise<void> {
    while (left-- > 0) {
      const server = random(servers.length)
      const connection = servers[server]![random(servers[server]!.length)]!
      const key = keys[random(keys.length)]!
      const kind = random(10)
      if (kind === 0) await change(key, server, connection)
      else if (kind < 4 && accepted.length > 0) await replay(connection)
      else await use(key, server, connection)
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  assert.deepEqual(wrong, [])
  assert.ok(replays > OPERATIONS / 10)
  t.diagnostic(`seed ${SEED}: ${accepted.length} accepted, ${replays} replayed, the other server late by at most ${Math.round(longest)} ms`)
  await first.server.context.settleTrail()
  assert.deepEqual((await first.server.context.checkTrail()).faults, [])
})

async function newKey(connection: Connection, app: Credentials): Promise<Key> {
  const { keyid } = (await connection.call(app, 'CreateKey', AES)).result as unknown as { keyid: string }
  return { id: keyid, enabled: true, changedAt: 0, changedBy: 0, changing: false, changes: 0 }
}
