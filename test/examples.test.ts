// The examples in the documentation of exported functions and classes: each has one, runs, and says the truth about values.
//
// An example names what its package exports, what `node:crypto` exports, and what test/examples/<package>.ts has for it. A line that ends in
// `// → value` has that value; one that ends in `// throws Type` throws that.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PACKAGES = ['client', 'rego', 'x509', 'dcap', 'tpm', 'audit-log']
const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-examples-'))
symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
const scopes: Record<string, unknown>[] = []
after(async () => {
  for (const scope of scopes) if (typeof scope['close'] === 'function') await scope['close']()
  rmSync(folder, { recursive: true, force: true })
})

for (const name of PACKAGES) {
  const exported: Record<string, unknown> = await import(`@vouchsafe/${name}`)
  const scopePath = join(ROOT, 'test/examples', `${name}.ts`)
  const scope: Record<string, unknown> = existsSync(scopePath) ? await import(pathToFileURL(scopePath).href) : {}
  scopes.push(scope)
  const sources: [from: string, names: ReadonlySet<string>][] = [
    [`@vouchsafe/${name}`, new Set(Object.keys(exported))],
    [scopePath, new Set(Object.keys(scope))],
    ['node:crypto', new Set(Object.keys(crypto))],
  ]
  for (const [symbol, path] of ownExports(name)) {
    if (typeof exported[symbol] !== 'function') continue
    const example = exampleOf(symbol, readFileSync(path, 'utf8'))
    const file = join(folder, `${name}-${symbol}.ts`)
    if (example !== undefined) writeFileSync(file, moduleOf(example, sources))
    test(`${name}: ${symbol} has an example, which runs and has the values that it tells`, async () => {
      assert.ok(example !== undefined, `no @example in the comment of ${symbol}`)
      const { run } = (await import(pathToFileURL(file).href)) as { run: () => Promise<void> }
      await run()
    })
  }
}

/** What the index exports from files of the package itself, with the file. */
function ownExports(name: string): [symbol: string, path: string][] {
  const index = join(ROOT, 'packages', name, 'src/index.ts')
  const statements = readFileSync(index, 'utf8').matchAll(/^export \{([^}]*)\} from '(\.[^']+)'/gm)
  return [...statements].flatMap(([, symbols = '', from = '']) =>
    symbols
      .split(',')
      .map((symbol) => symbol.trim())
      .filter((symbol) => symbol !== '')
      .map((symbol): [string, string] => [symbol, resolve(dirname(index), from)]),
  )
}

/** The code after `@example` in the comment just before the declaration. */
function exampleOf(symbol: string, text: string): string | undefined {
  const declaration = new RegExp(String.raw`\*/\nexport (?:async )?(?:function\*?|class) ${symbol}\b`).exec(text)
  const comment = declaration === null ? '' : text.slice(text.lastIndexOf('/**', declaration.index), declaration.index)
  const [, example] = comment.split(/^ \* @example\n/m)
  return example
    ?.split('\n')
    .map((line) => line.replace(/^ \* ?/, ''))
    .join('\n')
}

/** A module whose `run` is the example. Names that the example declares itself are its own. */
function moduleOf(example: string, sources: readonly [from: string, names: ReadonlySet<string>][]): string {
  const lines = example.split('\n').map(checked)
  const words = new Set(lines.join('\n').match(/(?<![\w$.])[A-Za-z_$][\w$]*/g))
  const imports = sources.map(([from, names]) => {
    const used = [...words].filter((word) => names.has(word))
    for (const word of used) words.delete(word)
    return used.length === 0 ? '' : `import { ${used.join(', ')} } from ${JSON.stringify(from)}\n`
  })
  return `import assert from 'node:assert/strict'\n${imports.join('')}export async function run() {\n${lines.join('\n')}\n}\n`
}

function checked(line: string): string {
  const thrown = /^(.*?) \/\/ throws (\w+)$/.exec(line)
  if (thrown) return `await assert.rejects(async () => ${thrown[1]}, ${thrown[2]})`
  const [, code, value] = /^(.*?) \/\/ → (.*)$/.exec(line) ?? []
  if (code === undefined) return line
  const name = /^const (\w+) = /.exec(code)?.[1]
  return name === undefined ? `assert.deepEqual(${code}, ${value})` : `${code}\nassert.deepEqual(${name}, ${value})`
}
