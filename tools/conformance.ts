/**
 * `npm run conformance -- DIR`: runs independent test vectors, laid out as in docs, against the product. Any part of DIR may be absent. DIR may
 * also be the folder of OPA's Go module (`go mod download -json github.com/open-policy-agent/opa@latest` prints it): then its own cases run.
 * Prints why anything is skipped, then per suite exactly `<suite>: <n> passed, <n> failed, <n> skipped`; exits 1 on any failure.
 */
import { readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createKeyCrypto } from '@vouchsafe/crypto'
import type { KeyCrypto } from '@vouchsafe/crypto'
import { runIma } from './conformance/ima.ts'
import { runDcap } from './conformance/dcap.ts'
import { isModule, runRego } from './conformance/rego.ts'
import { runSm } from './conformance/sm.ts'
import { createTally } from './conformance/tally.ts'
import type { Tally } from './conformance/tally.ts'
import { runTpmQuote } from './conformance/tpm-quote.ts'
import { runEventLogs } from './conformance/tpm-eventlog.ts'
import { runWycheproof } from './conformance/wycheproof.ts'

interface Suite {
  name: string
  /** The folder in DIR that holds its vectors. */
  folder: string
  /** A second one, told on the same line. */
  otherFolder?: string
  run: (folder: string, crypto: KeyCrypto, tally: Tally) => Promise<void>
}

const SUITES: readonly Suite[] = [
  { name: 'wycheproof', folder: 'wycheproof', run: runWycheproof },
  { name: 'sm', folder: 'sm', run: runSm },
  { name: 'rego', folder: 'rego', run: (folder, _crypto, tally) => runRego(folder, tally) },
  { name: 'tpm-eventlog', folder: 'tpm-eventlog', run: (folder, _crypto, tally) => runEventLogs(folder, tally) },
  { name: 'tpm-quote', folder: 'tpm-quote', run: (folder, _crypto, tally) => runTpmQuote(folder, tally) },
  { name: 'ima', folder: 'ima', run: (folder, _crypto, tally) => runIma(folder, tally) },
  { name: 'dcap', folder: 'sgx-dcap', otherFolder: 'tdx-dcap', run: (folder, _crypto, tally) => runDcap(folder, tally) },
]

/** Runs the suites whose folders are among those of `directory`; whether all that ran passed. */
async function runConformance(directory: string, folders: readonly string[]): Promise<boolean> {
  const known = SUITES.flatMap(({ folder, otherFolder = folder }) => [folder, otherFolder])
  const unknown = folders.filter((name) => !known.includes(name))
  if (unknown.length > 0) console.log(`conformance: unknown folders skipped: ${unknown.sort().join(', ')}`)

  await using crypto = createKeyCrypto({ workers: availableParallelism(), maxQueue: 1_000_000 })
  const summary: string[] = []
  let passed = true
  for (const { name, folder: first, otherFolder, run } of SUITES) {
    const tally = createTally(name)
    for (const folder of otherFolder === undefined ? [first] : [first, otherFolder]) {
      if (folders.includes(folder)) await run(join(directory, folder), crypto, tally)
      else console.log(`${name}: no folder ${folder}`)
    }
    for (const line of tally.lines()) console.log(line)
    summary.push(`${name}: ${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`)
    passed &&= tally.failed === 0
  }
  for (const line of summary) console.log(line)
  return passed
}

/** Runs OPA's own cases; whether all passed. */
async function runOpa(module: string): Promise<boolean> {
  const tally = createTally('rego')
  await runRego(module, tally)
  for (const line of tally.lines()) console.log(line)
  console.log(`rego: ${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`)
  return tally.failed === 0
}

/** The folders in `directory`, or undefined when it cannot be read. */
async function listFolders(directory: string): Promise<string[] | undefined> {
  try {
    const entries = await readdir(directory, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name)
  } catch (error) {
    console.error(`conformance: cannot read ${directory}: ${(error as NodeJS.ErrnoException).code}`)
    return undefined
  }
}

const [directory, ...rest] = process.argv.slice(2)
if (directory === undefined || rest.length > 0) {
  console.error('usage: npm run conformance -- DIR')
  process.exitCode = 2
} else if (await isModule(directory)) {
  if (!(await runOpa(directory))) process.exitCode = 1
} else {
  const folders = await listFolders(directory)
  if (folders === undefined || !(await runConformance(directory, folders))) process.exitCode = 1
}
