// npm's prepack and postpack. In the workspace the package's entry is its TypeScript source; Node doesn't strip types under node_modules,
// so the tarball holds compiled JavaScript and a manifest that points to it. Both steps may be repeated, so that a pack that was
// interrupted is put right by the next one, or by `node pack.mjs postpack`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const manifestFile = join(here, 'package.json')

const WORKSPACE_EXPORTS = { '.': './src/index.ts' }
const PACKED_EXPORTS = { '.': { types: './dist/index.d.ts', default: './dist/index.js' } }

function setExports(exports) {
  const manifest = { ...JSON.parse(readFileSync(manifestFile, 'utf8')), exports }
  const written = `${manifestFile}.${process.pid}`
  writeFileSync(written, JSON.stringify(manifest, null, 2) + '\n')
  renameSync(written, manifestFile)
}

function prepack() {
  rmSync(join(here, 'dist'), { recursive: true, force: true })
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  const { status } = spawnSync(process.execPath, [compiler, '-p', join(here, 'tsconfig.build.json')], { stdio: ['ignore', 2, 2] })
  if (status !== 0) process.exit(1)
  copyFileSync(join(here, '../../LICENSE'), join(here, 'LICENSE'))
  setExports(PACKED_EXPORTS)
}

function postpack() {
  setExports(WORKSPACE_EXPORTS)
  for (const made of ['dist', 'LICENSE']) rmSync(join(here, made), { recursive: true, force: true })
}

const steps = { prepack, postpack }
const step = process.argv[2] ?? ''
if (!Object.hasOwn(steps, step)) {
  console.error('usage: node pack.mjs prepack|postpack')
  process.exit(2)
}
steps[step]()
