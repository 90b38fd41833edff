// The launcher under a Node that is too old, beside a packaged Node of the test's own.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const LAUNCHER = fileURLToPath(new URL('../packages/launch', import.meta.url))

/** Makes this Node an old one, and the loader's cache hold what the first argument says. */
const PRELOAD = `
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })
const { readFileSync } = fs
fs.readFileSync = (file, ...rest) => (file === '/etc/ld.so.cache' ? process.argv[2] : readFileSync(file, ...rest))
syncBuiltinESMExports()
`

/** Launches with this shell script for the packaged Node, or with none. */
async function launch(packagedNode: string | undefined, loaderCache: string) {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'vouchsafe-launcher-'))
  const path = (...names: string[]) => join(folder.path, ...names)
  await cp(LAUNCHER, path('launch'), { recursive: true, filter: (file) => !file.includes('node_modules') })
  await writeFile(path('preload.mjs'), PRELOAD)
  await writeFile(path('main.mjs'), "import { launch } from './launch/launch.mjs'\nlaunch(['--version'], { name: 'vouchsafe' })\n")
  if (packagedNode !== undefined) {
    const directory = path('node_modules', `node-${process.platform}-${process.arch}`)
    await mkdir(join(directory, 'bin'), { recursive: true })
    await writeFile(join(directory, 'package.json'), '{}')
    await writeFile(join(directory, 'bin/node'), `#!/bin/sh\n${packagedNode}\n`, { mode: 0o755 })
  }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--import', path('preload.mjs'), path('main.mjs'), loaderCache],
    { encoding: 'utf8' },
  )
  return { status, stdout, stderr }
}

const lacking = (library: string) =>
  `echo "$0: error while loading shared libraries: ${library}: cannot open shared object file: No such file or directory" >&2; exit 127`

test('a library that the packaged Node lacks is named in one line, with what to do', async () => {
  const { status, stdout, stderr } = await launch(lacking('libatomic.so.1'), 'libstdc++.so.6')
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(stderr, /^vouchsafe: .*needs libatomic\.so\.1, .*apt-get install libatomic1 .*\n$/)
  assert.match((await launch(lacking('libfuture.so.2'), '')).stderr, /^vouchsafe: .*needs libfuture\.so\.2, .*\n$/)
})

test('a packaged Node that starts is run, tried out before only where a library may be missing', async () => {
  const node = 'echo "started with $*"'
  const started = { status: 0, stdout: 'started with --version\n', stderr: '' }
  assert.deepEqual(await launch(node, 'libatomic.so.1 libstdc++.so.6'), started)
  assert.deepEqual(await launch(node, ''), started)
})

test('a Node that is too old, without a packaged one, is named in one line', async () => {
  const { status, stderr } = await launch(undefined, '')
  assert.equal(status, 1)
  assert.match(stderr, /^vouchsafe: needs Node 26 or newer; this is .*npm ci.*\n$/)
})
