// `npm run check`: types, lint, format, architecture rules. Runs all and reports every failure.
import { spawnSync } from 'node:child_process'

const steps: [string, string[]][] = [
  ['types', ['node_modules/typescript/bin/tsc', '-p', '.']],
  // Type-aware rules come from oxlint-tsgolint, which brings TypeScript 7 with it.
  ['lint', ['node_modules/oxlint/bin/oxlint', '--quiet', 'packages', 'tools', 'test', 'bench']],
  ['format', ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.']],
  ['architecture', ['--test', '--test-reporter=dot', 'test/architecture.test.ts']],
]

let failed = false
for (const [name, args] of steps) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) {
    failed = true
    console.error(`check: ${name} failed`)
  }
}
process.exit(failed ? 1 : 0)
