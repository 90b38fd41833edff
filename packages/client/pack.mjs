// npm's prepack and postpack. In the workspace the package's entry is its TypeScript source; Node doesn't strip types under node_modules,
// so the tarball holds compiled JavaScript and a manifest that points to it. The table of operations is not published: it goes into the
// tarball too. Both steps may be repeated, so that a pack that was interrupted is put right by the next one, or by
// `node pack.mjs postpack`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const manifestFile = join(here, 'package.json')

const OPERATIONS = '@vouchsafe/operations'
const WORKSPACE = { exports: { '.': './src/index.ts' }, dependencies: { [OPERATIONS]: '0.1.0' } }
const PACKED = { exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } }, dependencies: undefined }

function setManifest(entries) {
  const manifest = { ...JSON.parse(readFileSync(manifestFile, 'utf8')), ...entries }
  const written = `${manifestFile}.${process.pid}`
  writeFileSync(written, JSON.stringify(manifest, null, 2) + '\n')
  renameSync(written, manifestFile)
}

function prepack() {
  rmSync(join(here, 'dist'), { recursive: true, force: true })
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  for (const project of ['tsconfig.build.json', 'tsconfig.operations.json']) {
    const { status } = spawnSync(process.execPath, [compiler, '-p', join(here, project)], { stdio: ['ignore', 2, 2] })
    if (status !== 0) process.exit(1)
  }
  for (const name of readdirSync(join(here, 'dist')).filter((name) => /\.(js|d\.ts)$/.test(name))) {
    const file = join(here, 'dist', name)
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(`'${OPERATIONS}'`, "'./operations/index.js'"))
  }
  copyFileSync(join(here, '../../LICENSE'), join(here, 'LICENSE'))
  setManifest(PACKED)
}

function postpack() {
  setManifest(WORKSPACE)
  for (const made of ['dist', 'LICENSE']) rmSync(join(here, made), { recursive: true, force: true })
}

const steps = { prepack, postpack }
const step = process.argv[2] ?? ''
if (!Object.hasOwn(steps, step)) {
  console.error('usage: node pack.mjs prepack|postpack')
  process.exit(2)
}
steps[step]()
