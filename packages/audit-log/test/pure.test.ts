// A browser uses the package: nothing of Node.js, and no dependency.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SRC = new URL('../src/', import.meta.url)
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))

test('no source file imports anything but its neighbours', () => {
  const imports = files.flatMap((path) => {
    const text = readFileSync(new URL(path, SRC), 'utf8')
    return [...text.matchAll(/(?:from|import|require)\s*\(?\s*'([^']+)'/g)].map((match) => `${path}: ${match[1]}`)
  })
  assert.ok(imports.length > 50)
  assert.deepEqual(
    imports.filter((line) => !/: \.\.?\//.test(line)),
    [],
  )
})

test('no source file names what only Node.js has', () => {
  for (const path of files) {
    const code = readFileSync(new URL(path, SRC), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    assert.doesNotMatch(code, /\b(Buffer|process|global|globalThis|require|setImmediate|__dirname)\b|import\.meta/, path)
  }
})

test('the manifest lists no dependency', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  assert.deepEqual([manifest.dependencies, manifest.peerDependencies, manifest.optionalDependencies], [undefined, undefined, undefined])
})

test('it compiles for a browser, without the types of Node.js', async () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  await using folder = await mkdtempDisposable(join(tmpdir(), 'vouchsafe-pure-'))
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as { compilerOptions: { lib: string[] } }
  writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}')
  const compile = (file: string, text: string) => {
    writeFileSync(join(folder.path, file), text)
    const options = { ...compilerOptions, types: [], lib: [...compilerOptions.lib, 'dom'] }
    writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [file] }))
    return spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder.path], { encoding: 'utf8' })
  }
  const index = JSON.stringify(relative(folder.path, fileURLToPath(new URL('index.ts', SRC))))
  const pure = compile('pure.ts', `import { verifyExport } from ${index}\nvoid verifyExport\n`)
  assert.equal(pure.status, 0, pure.stdout)
  assert.notEqual(compile('impure.ts', 'export const bytes = Buffer.alloc(1)\n').status, 0, 'Buffer has no type there')
})
