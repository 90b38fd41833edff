// The tarball that `npm pack` makes, used as a stranger would: installed offline into an empty project, run by the `node`
// that a stranger's shell finds, not by the one that the workspace brings.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { STRANGERS_PATH, packAndInstall, type PackedClient } from '@vouchsafe/testkit/packed-client'
import { APIKEY, APPID, startStandIn } from './support/stand-in.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))

let client: PackedClient

before(async () => {
  client = await packAndInstall()
})

after(() => client[Symbol.asyncDispose]())

test('the tarball holds compiled code, declarations, licence and README, and no sources', async () => {
  const paths = client.packed.files.map((file) => file.path)
  for (const wanted of ['dist/index.js', 'dist/index.d.ts', 'LICENSE', 'README.md', 'package.json'])
    assert.ok(paths.includes(wanted), wanted)
  for (const path of paths) assert.match(path, /^(dist\/(operations\/)?[\w-]+(\.d\.ts|\.js)|LICENSE|README\.md|package\.json)$/)
  const licence = await readFile(join(root, 'LICENSE'), 'utf8')
  assert.equal(await readFile(join(client.project, 'node_modules/@vouchsafe/client/LICENSE'), 'utf8'), licence)
})

test('packing leaves the workspace as it was, also after an interrupted run', async () => {
  const original = join(root, 'packages/client')
  const copy = join(client.workspace, 'packages/client')
  const assertRestored = async () => {
    assert.equal(await readFile(join(copy, 'package.json'), 'utf8'), await readFile(join(original, 'package.json'), 'utf8'))
    const left = (await readdir(copy)).sort()
    for (const made of ['dist', 'LICENSE']) assert.ok(!left.includes(made), made)
  }
  await assertRestored()
  await run('node', ['pack.mjs', 'prepack'], { cwd: copy })
  await run('npm', ['pack', '-w', 'packages/client', '--offline'], { cwd: client.workspace })
  await assertRestored()
})

test('the installed package calls a server', async () => {
  await using server = await startStandIn(({ payload }) => ({ result: { ciphertext: payload!['plaintext'] } }))
  const program = `
    import { VouchsafeClient } from '@vouchsafe/client'
    const [baseUrl, appid, apikey] = process.argv.slice(2)
    const client = new VouchsafeClient({ baseUrl, appid, apikey })
    console.log(new TextDecoder().decode(await client.encrypt('aac3e45a-d3dc-4791-89b6-4ada0e38e6ef', new TextEncoder().encode('hello'))))
  `
  await writeFile(join(client.project, 'call.js'), program)
  const { stdout } = await run('node', ['call.js', server.url, APPID, APIKEY], { cwd: client.project, env: { PATH: STRANGERS_PATH } })
  assert.equal(stdout, 'hello\n')
  assert.deepEqual(server.faults, [])
})

test('the installed declarations type-check in a strict project', async () => {
  const program = `
    import { VouchsafeClient, VouchsafeError, canonicalPayload } from '@vouchsafe/client'
    import type { KeyDescription, KeySpec } from '@vouchsafe/client'
    const client = new VouchsafeClient({ baseUrl: 'http://127.0.0.1:9000', appid: 'a', apikey: 'k' })
    export const described: Promise<KeyDescription> = client.describeKey('x')
    export const encrypted: Promise<Uint8Array> = client.encrypt('x', new Uint8Array(1), { aad: new Uint8Array(1) })
    export const spec: KeySpec = 'EH_SM2'
    export const code = (error: VouchsafeError): number => error.code
    export const text: string = canonicalPayload({}, 'drop-empty').text
    // @ts-expect-error: text is not bytes
    void client.encrypt('x', 'text')
    // @ts-expect-error: no such key spec
    void client.createKey({ keyspec: 'EH_AES' })
  `
  await mkdir(join(client.project, 'node_modules/@types'), { recursive: true })
  await symlink(join(root, 'node_modules/@types/node'), join(client.project, 'node_modules/@types/node'))
  await writeFile(join(client.project, 'consumer.ts'), program)
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--skipLibCheck', 'false']
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [compiler, ...options, 'consumer.ts'], { cwd: client.project }).catch((error: { stdout: string }) => {
    assert.fail(error.stdout)
  })
})
