/**
 * Runs Wycheproof's files (C2SP/wycheproof, testvectors_v1): `valid` must be accepted with its stated output, `invalid` refused,
 * `acceptable` may be either. What the product does not offer is skipped with a reason.
 */
import type { KeyCrypto } from '@vouchsafe/crypto'
import type { Tally } from './tally.ts'
import { listVectorFiles, objects, readVectorFile, text } from './vector-files.ts'
import type { Json } from './vector-files.ts'
import { GROUP_TYPES } from './wycheproof-groups.ts'
import type { Judge } from './wycheproof-groups.ts'

export async function runWycheproof(folder: string, crypto: KeyCrypto, tally: Tally): Promise<void> {
  for (const name of await listVectorFiles(folder)) await runWycheproofFile(folder, name, crypto, tally)
}

export async function runWycheproofFile(folder: string, name: string, crypto: KeyCrypto, tally: Tally): Promise<void> {
  let file: Json
  try {
    file = await readVectorFile(folder, name)
  } catch (error) {
    tally.fail(name, 'file', `cannot be read: ${(error as Error).message}`)
    return
  }
  const groups = objects(file, 'testGroups')
  if (groups.length === 0) tally.skip(name, 'no test groups', 1)
  for (const group of groups) await runGroup(name, file, group, crypto, tally)
}

async function runGroup(name: string, file: Json, group: Json, crypto: KeyCrypto, tally: Tally): Promise<void> {
  const tests = objects(group, 'tests')
  const algorithm = typeof file['algorithm'] === 'string' ? file['algorithm'] : String(group['type'])
  const open = GROUP_TYPES.get(String(group['type']))
  let judge: Judge | string
  try {
    judge = open === undefined ? `${algorithm} is not offered` : open(algorithm, group, crypto)
  } catch (error) {
    for (const test of tests) tally.fail(name, `tcId ${String(test['tcId'])}`, `the group cannot be set up: ${(error as Error).message}`)
    return
  }
  if (typeof judge === 'string') {
    tally.skip(name, judge, tests.length)
    return
  }
  const put = judge
  await Promise.all(
    tests.map(async (test) => {
      try {
        const verdict = await put(test, text(test, 'result'))
        if (typeof verdict === 'string') tally.skip(name, verdict, 1)
        else if (verdict) tally.pass()
        else tally.fail(name, `tcId ${String(test['tcId'])}`, `${text(test, 'result')}: ${String(test['comment'] ?? '')}`)
      } catch (error) {
        tally.fail(name, `tcId ${String(test['tcId'])}`, `unexpected ${String(error)}`)
      }
    }),
  )
}
