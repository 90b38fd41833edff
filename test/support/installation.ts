// An installation as an operator has it: a data directory, perhaps a database, a server that may run or not, and the command line.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createLog, readConfig, startServer, systemRuntime, type Runtime, type Server } from '@vouchsafe/server/testing'
import { testStore } from '@vouchsafe/testkit/databases'
import type { DatabaseKind, TestStore } from '@vouchsafe/testkit/databases'
import type { Credentials } from '@vouchsafe/testkit/ehsm-calls'
import { succeed } from '@vouchsafe/testkit/ehsm-calls'
import { openTerminal } from '@vouchsafe/testkit/terminal'
import type { Terminal } from '@vouchsafe/testkit/terminal'

/** The command line, as used by one who has a data directory. */
export interface Commands {
  /** A file of this test's own. */
  path(name: string): string
  /** Runs `vouchsafe <args>`, which must succeed; gives what it printed. */
  done(args: readonly string[], input?: string): Promise<string>
  /** Runs `vouchsafe <args>`, which must fail; gives the line on standard error. */
  refused(args: readonly string[], input?: string): Promise<string>
}

export interface Installation extends Commands, AsyncDisposable {
  store: TestStore
  dataDir: string
  /** The environment of the command, and of servers started from here on. */
  env: Record<string, string | undefined>
  /** Starts a server in this process; it is stopped in the end. */
  start(flags?: string[], runtime?: Runtime): Promise<Server>
}

/** The commands of a terminal whose environment says where the data directory is. */
export function commandsOf(terminal: Terminal): Commands {
  return {
    path: terminal.path,
    async done(args, input = '') {
      const { code, text, stderr } = await terminal.vouchsafe(args, input)
      assert.deepEqual([code, stderr], [0, ''], `${args.join(' ')}\n${text}`)
      return text
    },
    async refused(args, input = '') {
      const { code, text, stderr } = await terminal.vouchsafe(args, input)
      assert.notEqual(code, 0, args.join(' '))
      assert.equal(text, '')
      return stderr
    },
  }
}

/** An installation on a store of its own. */
export async function openInstallation(kind: DatabaseKind, env: Record<string, string> = {}): Promise<Installation> {
  const resources = new AsyncDisposableStack()
  const store = resources.use(await testStore(kind))
  const terminal = resources.use(await openTerminal())
  const { dataDir, databaseUrl } = store.location
  Object.assign(terminal.env, { VOUCHSAFE_DATA_DIR: dataDir, VOUCHSAFE_DATABASE_URL: databaseUrl, ...env })
  return {
    store,
    dataDir,
    env: terminal.env,
    ...commandsOf(terminal),
    async start(flags = [], runtime = systemRuntime) {
      const config = readConfig(['--listen', '127.0.0.1:0', '--webhook-networks', 'loopback', ...flags], terminal.env)
      const server = resources.use(await startServer({ config, runtime, log: createLog('silent') }))
      terminal.env['VOUCHSAFE_URL'] = server.url
      return server
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** What an app has, and a proof that each part of it works. */
export interface Belongings {
  app: Credentials
  keys: { keyid: string; spec: string; made: string }[]
  secrets: { name: string; value: string }[]
}

const TEXT = Buffer.from('protected').toString('base64')

/** Later than what a restore refuses: the clock of a server, and the timestamp of a request. */
const LATER_MS = 11 * 60_000
export const LATER: Runtime = { ...systemRuntime, now: () => Date.now() + LATER_MS }
export const later = () => ({ timestamp: String(Date.now() + LATER_MS) })

/** Fills an app with keys of several kinds and secrets, and notes what each has made. */
export async function fill(url: string, app: Credentials, count: number): Promise<Belongings> {
  const belongings: Belongings = { app, keys: [], secrets: [] }
  const specs = ['EH_AES_GCM_256', 'EH_SM4_CTR', 'EH_EC_P256', 'EH_HMAC', 'EH_AES_GCM_128']
  for (let i = 0; i < count; i++) {
    const spec = specs[i % specs.length]!
    const { keyid } = await succeed(url, app, 'CreateKey', { keyspec: spec, origin: 'EH_INTERNAL_KEY' })
    const made = /AES|SM4/.test(spec)
      ? (await succeed(url, app, 'Encrypt', { keyid, plaintext: TEXT })).ciphertext
      : (await succeed(url, app, 'Sign', { keyid, message: TEXT })).signature
    belongings.keys.push({ keyid: String(keyid), spec, made: String(made) })
    if (i % 3 > 0) continue
    const secret = { name: `secret ${i} ${randomUUID()}`, value: `value ${i}` }
    await succeed(url, app, 'CreateSecret', { secretName: secret.name, secretData: secret.value, encryptionKeyId: i === 0 ? keyid : '' })
    belongings.secrets.push(secret)
  }
  return belongings
}

/** Uses every key and secret; each must give what it gave. */
export async function useAll(
  url: string,
  { app, keys, secrets }: Belongings,
  options: () => { timestamp?: string } = () => ({}),
): Promise<void> {
  for (const { keyid, spec, made } of keys) {
    if (/AES|SM4/.test(spec)) {
      assert.equal((await succeed(url, app, 'Decrypt', { keyid, ciphertext: made }, options())).plaintext, TEXT)
    } else {
      assert.equal((await succeed(url, app, 'Verify', { keyid, message: TEXT, signature: made }, options())).result, true)
    }
  }
  for (const { name, value } of secrets) {
    assert.equal((await succeed(url, app, 'GetSecretValue', { secretName: name }, options())).secretData, value)
  }
}
