// PostgreSQL for tests: private clusters that leave nothing behind, and a database of its own for each test.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { Socket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client } from 'pg'

export interface Postgres extends AsyncDisposable {
  /** A superuser's URL of the database `postgres`. */
  url: string
  /** Ends every connection and starts again at the same address. */
  restart(): Promise<void>
  /** Ends the cluster and removes its files. */
  stop(): Promise<void>
}

export interface TestDatabase extends AsyncDisposable {
  url: string
}

const DEBIAN_VERSIONS = '/usr/lib/postgresql'
const PORT_TRIES = 5

/** The directory that holds PostgreSQL's server programs: of the path, or the newest of Debian's; undefined when there is none. */
export function postgresPrograms(): string | undefined {
  const debian = existsSync(DEBIAN_VERSIONS) ? readdirSync(DEBIAN_VERSIONS) : []
  const versions = debian.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN_VERSIONS, version, 'bin'))
  const path = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '')
  return [...path, ...versions].find((directory) => ['initdb', 'postgres'].every((program) => isExecutable(join(directory, program))))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** PostgreSQL refuses to run as root: root runs it as the user `postgres`, which its package makes. */
function owner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}

/** Starts a private cluster: durable as in production, open to this machine alone, without passwords. */
export async function startPostgres(): Promise<Postgres> {
  const programs = postgresPrograms()
  if (programs === undefined) throw new Error('PostgreSQL is not installed: apt-get install postgresql')
  const user = owner()
  const directory = mkdtempSync(join(tmpdir(), 'vouchsafe-postgres-'))
  if (user !== undefined) chownSync(directory, user.uid, user.gid)
  const data = join(directory, 'data')
  const initArgs = ['-D', data, '--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-locale']
  let server: ChildProcess | undefined
  let port = 0
  const settings = ['max_connections=200', 'shared_buffers=32MB', 'max_wal_size=256MB', 'fsync=on', 'listen_addresses=127.0.0.1']
  const options = [...settings, `unix_socket_directories=${directory}`].flatMap((setting) => ['-c', setting])

  async function start(): Promise<void> {
    if (programs === undefined) return
    const child = spawn(join(programs, 'postgres'), ['-D', data, '-p', String(port), ...options], {
      ...user,
      cwd: directory,
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server = child
    const lines: string[] = []
    const ready = Promise.withResolvers<void>()
    // Read for ever, since PostgreSQL would wait for a full pipe.
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (lines.length < 100) lines.push(line)
      if (line.includes('ready to accept connections')) ready.resolve()
    })
    child.once('error', ready.reject)
    child.once('exit', () => ready.reject(new Error(`PostgreSQL did not start:\n${lines.join('\n')}`)))
    await ready.promise
    // A process may end without stopping its cluster.
    child.unref()
    if (child.stderr instanceof Socket) child.stderr.unref()
  }

  async function end(): Promise<void> {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.ref()
    server.kill('SIGINT')
    await exited
  }

  // A process that exits without having stopped its cluster ends it at once.
  const abandon = () => {
    server?.kill('SIGQUIT')
    removeNow(directory)
  }
  process.once('exit', abandon)

  async function stop(): Promise<void> {
    await end()
    process.removeListener('exit', abandon)
    rmSync(directory, { recursive: true, force: true })
  }

  try {
    execFileSync(join(programs, 'initdb'), initArgs, { ...user, cwd: directory, env: { ...process.env, LC_ALL: 'C' }, stdio: 'pipe' })
    for (let tries = 1; ; tries++) {
      port = await freePort()
      try {
        await start()
        break
      } catch (error) {
        // Another process may have taken the port meanwhile.
        if (tries === PORT_TRIES) throw error
      }
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async restart() {
      await end()
      await start()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Removes the files of a cluster that is still going down: files that it makes or removes meanwhile can end an attempt early. */
function removeNow(directory: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let tries = 1; existsSync(directory) && tries <= 100; tries++) {
    if (tries > 1) Atomics.wait(pause, 0, 0, 20)
    try {
      rmSync(directory, { recursive: true, force: true })
    } catch {
      // Tried again.
    }
  }
}

let privateCluster: Promise<Postgres> | undefined

/** The cluster that the test run has started, or, for a test file that runs alone, one that ends with this process. */
async function clusterUrl(): Promise<string> {
  const given = process.env.VOUCHSAFE_TEST_DATABASE_URL
  if (given !== undefined) return given
  privateCluster ??= startPostgres()
  return (await privateCluster).url
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** A fresh database, dropped when it is disposed: empty, or a copy of a template. */
export async function testDatabase(template?: string): Promise<TestDatabase> {
  const cluster = await clusterUrl()
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await withClient<unknown>(cluster, (client) =>
    template === undefined ? createEmpty(client, name) : client.query(`create database ${name} template ${template}`),
  )
  return {
    url: urlOf(cluster, name),
    async [Symbol.asyncDispose]() {
      await withClient(cluster, (client) => client.query(`drop database ${name} with (force)`))
    },
  }
}

/** Makes a template of the cluster once, for all processes of the test run: a database to which `prepare` has done something. */
export async function templateDatabase(name: string, prepare: (url: string) => Promise<void>): Promise<string> {
  const cluster = await clusterUrl()
  await withClient(cluster, async (client) => {
    await client.query('select pg_advisory_lock(hashtext($1))', [name])
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
    if (rowCount !== 0) return
    const unready = `${name}_unready`
    await client.query(`drop database if exists ${unready}`)
    await createEmpty(client, unready)
    await prepare(urlOf(cluster, unready))
    await client.query(`alter database ${unready} rename to ${name}`)
  })
  return name
}

/** Where PostgreSQL can, its text sorts by English rules, as many real ones do. */
async function createEmpty(client: Client, name: string): Promise<void> {
  const { rows } = await client.query<{ icu: boolean }>(
    `select current_setting('server_version_num')::int >= 150000
      and exists (select from pg_collation where collname = 'en-x-icu') as icu`,
  )
  const locale = rows[0]?.icu === true ? ` template template0 locale_provider icu icu_locale 'en'` : ''
  await client.query(`create database ${name}${locale}`)
}

function urlOf(cluster: string, database: string): string {
  const url = new URL(cluster)
  url.pathname = `/${database}`
  return url.href
}
