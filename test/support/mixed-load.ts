// A load of changes and plain uses of both dialects, what it was told is done, and whether the store and the trail hold that.
import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CHALLENGE, ask } from '@vouchsafe/testkit/authority'
import type { Answer } from '@vouchsafe/testkit/authority'
import { call, enroll } from '@vouchsafe/testkit/ehsm-calls'
import type { CallOptions, Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { eventually } from '@vouchsafe/testkit/retry'
import type { VerifiedTrail } from './verified-trail.ts'

const AES = { keyspec: 'EH_AES_GCM_256', origin: 'EH_INTERNAL_KEY' }
const TEXT = Buffer.from('text').toString('base64')
const ENROLMENTS = '/v1/attestation/ak-enrolments'
/** So that a server that is down is not asked all the time. */
const AFTER_REFUSAL_MS = 5

/** A machine that does much else takes long for the first round, in which threads are started. */
const ROUNDS_MS = 60_000

type KeyState = 'enabled' | 'disabled' | 'deleted' | 'unknown'

/** A request that was not answered as asked; the message is the answer. */
class Refusal extends Error {
  override readonly name = 'Refusal'
}

export class MixedLoad {
  readonly app: Credentials
  /** What was answered instead of a success. */
  readonly refusals = new Set<string>()
  /** How often everything that a writer does was acknowledged. */
  rounds = 0
  /** Users' names begin with it, and have at most 36 characters. */
  readonly #name = randomBytes(8).toString('hex')
  readonly #states = new Map<string, KeyState>()
  readonly #secrets = new Map<string, string>()
  /** Enrolments of endorsement keys by user and digest: whether each is there. While a change is under way, or if its answer was lost, it is unknown. */
  readonly #enrolments = new Map<string, Map<string, boolean>>()
  /** Acknowledged changes: actor, action, object. */
  readonly #changes: string[] = []
  /** How many plain uses were acknowledged, by actor and action. */
  readonly #uses = new Map<string, number>()
  #isDone = false

  private constructor(app: Credentials) {
    this.app = app
  }

  /** For a server, with an app of its own, which the server must be there to enrol. */
  static async on(url: string): Promise<MixedLoad> {
    return new MixedLoad(await enroll(url))
  }

  /** Works until `stop` is called, or it is disposed of, whatever the answers; that resolves when nothing is under way any more. */
  run(url: string, writers: number): { stop(): Promise<void> } & AsyncDisposable {
    this.#isDone = false
    const running = Array.from({ length: writers }, async (_, writer) => {
      for (let i = 0; !this.#isDone; i++) {
        try {
          await this.#round(url, `${this.#name} ${writer}`, i)
          this.rounds++
        } catch (error) {
          // A server that is gone answers nothing.
          if (error instanceof Refusal) this.refusals.add(error.message)
          else assert.ok(error instanceof TypeError, String(error))
          await sleep(AFTER_REFUSAL_MS)
        }
      }
    })
    const stop = async () => {
      this.#isDone = true
      await Promise.all(running)
    }
    return { stop, [Symbol.asyncDispose]: stop }
  }

  /** Waits until so many rounds more were acknowledged; the first may take long. */
  async goesOn(rounds: number): Promise<void> {
    const until = this.rounds + rounds
    const look = async () => assert.ok(this.rounds >= until, `${this.rounds} rounds; refused: ${[...this.refusals].join(', ')}`)
    await eventually(look, ROUNDS_MS)
  }

  async #round(url: string, writer: string, i: number): Promise<void> {
    const { appid } = this.app
    const keyid = String((await this.#ehsm(url, 'CreateKey', AES)).keyid)
    this.#states.set(keyid, 'enabled')
    this.#changed(appid, 'CreateKey', keyid)
    await this.#ehsm(url, 'Encrypt', { keyid, plaintext: TEXT })
    this.#used(appid, 'Encrypt')

    const change = (['DisableKey', 'DeleteKey', undefined] as const)[i % 3]
    if (change !== undefined) {
      this.#states.set(keyid, 'unknown')
      await this.#ehsm(url, change, { keyid })
      this.#states.set(keyid, change === 'DisableKey' ? 'disabled' : 'deleted')
      this.#changed(appid, change, keyid)
    }

    const secretName = `${writer} ${i}`
    await this.#ehsm(url, 'CreateSecret', { secretName, secretData: 'first' })
    this.#secrets.set(secretName, 'first')
    this.#changed(appid, 'CreateSecret', secretName)
    // If its answer is lost, it may have been done all the same.
    this.#secrets.delete(secretName)
    await this.#ehsm(url, 'PutSecretValue', { secretName, secretData: 'second' })
    this.#secrets.set(secretName, 'second')
    this.#changed(appid, 'PutSecretValue', secretName)
    await this.#ehsm(url, 'GetSecretValue', { secretName })
    this.#used(appid, 'GetSecretValue')

    await this.#authorityRound(url, writer, i)
  }

  async #authorityRound(url: string, user: string, i: number): Promise<void> {
    const actor = `user:${user}`
    const own = this.#enrolments.get(user) ?? new Map<string, boolean>()
    this.#enrolments.set(user, own)
    const digest = hash('sha256', `${user} ${i}`)
    const nodeId = `node ${i}`
    await authority(url, 'POST', ENROLMENTS, user, { node_id: nodeId, ek_digest: digest })
    this.#changed(actor, 'AddAkEnrolment', nodeId)
    if (i % 3 > 0) {
      await authority(url, 'DELETE', ENROLMENTS, user, { ek_digest: digest })
      this.#changed(actor, 'DeleteAkEnrolment', digest)
    }
    own.set(digest, i % 3 === 0)
    await authority(url, 'POST', 'challenge', user, CHALLENGE)
    this.#used(actor, 'Challenge')
  }

  async #ehsm(url: string, action: string, payload: object): Promise<Record<string, never>> {
    const { code, message, result } = await call(url, this.app, action, payload)
    if (code !== 200) throw new Refusal(`${code} ${message}`)
    return result
  }

  #changed(actor: string, action: string, object: string): void {
    this.#changes.push(`${actor} ${action} ${object}`)
  }

  #used(actor: string, action: string): void {
    const use = `${actor} ${action}`
    this.#uses.set(use, (this.#uses.get(use) ?? 0) + 1)
  }

  /** Nothing acknowledged is missing from the store. */
  async assertStored(url: string, options: () => CallOptions = () => ({})): Promise<void> {
    for (const [keyid, state] of this.#states) {
      const { code, message, result } = await call(url, this.app, 'DescribeKey', { keyid }, options())
      const found = code === 200 ? String(result.status) : message
      if (state === 'unknown') assert.match(found, /^(enabled|disabled|keyid error)$/)
      else assert.equal(found, state === 'deleted' ? 'keyid error' : state)
    }
    for (const [secretName, value] of this.#secrets) {
      const { code, result } = await call(url, this.app, 'GetSecretValue', { secretName }, options())
      assert.deepEqual([code, result.secretData], [200, value])
    }
    for (const [user, own] of this.#enrolments) {
      const listed = new Set<string>()
      for (let after: unknown = ''; after !== undefined;) {
        const { body } = await authority(url, 'GET', `${ENROLMENTS}${after === '' ? '' : `?after=${String(after)}`}`, user)
        for (const { ek_digest } of body['enrolments'] as { ek_digest: string }[]) listed.add(ek_digest)
        after = body['next']
      }
      for (const [digest, isThere] of own) assert.equal(listed.has(digest), isThere, `enrolment ${digest}`)
    }
  }

  /** No acknowledged change is missing from the trail. */
  assertChangesRecorded(trail: VerifiedTrail): void {
    for (const change of this.#changes) assert.ok(trail.changes.has(change), `the trail has no ${change}`)
  }

  /**
   * No acknowledged change is missing from the trail, nor any plain use unless a gap says so of the process that served it.
   * @returns how many plain uses are missing
   */
  assertRecorded(trail: VerifiedTrail): number {
    this.assertChangesRecorded(trail)
    const process = trail.changes.get(`enroll Enroll ${this.app.appid}`)!
    const lost = [...this.#uses]
      .map(([use, count]) => Math.max(0, count - (trail.uses.get(use) ?? 0)))
      .reduce((sum, count) => sum + count, 0)
    if (lost > 0) assert.ok(trail.gaps.has(`${process}/calls`), `${lost} uses are missing, and no gap says so`)
    return lost
  }
}

async function authority(url: string, method: string, path: string, user: string, body?: object): Promise<Answer> {
  const answer = await ask(url, method, path, { user, ...(body && { body }) })
  if (answer.status !== 200) throw new Refusal(`${answer.status} ${answer.body.message}`)
  return answer
}
