/** Runs the IMA logs: those of `gta/` against their PCR 10, those of `keylime/` as far as they are real. What each must give is known by its name. */
import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseImaLog, readImaSigningKeys, verifyFileSignature, verifyImaLog } from '@vouchsafe/tpm'
import type { ImaEntry } from '@vouchsafe/tpm'
import type { Tally } from './tally.ts'

const GTA_PCR10 = Buffer.from('8c4fb94d4d15f6069aad176dace62a2ec0720ae864473d6419978da5b168ce11', 'hex')
const GTA_PATHS = ['boot_aggregate', '/usr/bin/cat']
const KEYS = 'rsa2048pub.pem'
/** Bytes of a digest, by the log's name for the algorithm, which is also the end of the file's name. */
const KEYLIME_SIZES: Record<string, number> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64, sm3_256: 32 }

const hashes = { sm3: (data: Uint8Array) => createHash('sm3').update(data).digest() }

type Expect = (test: string, check: () => boolean) => void

export async function runIma(folder: string, tally: Tally): Promise<void> {
  for (const source of (await readdir(folder)).sort()) {
    const names = await readdir(join(folder, source)).catch(() => undefined)
    if (names === undefined || !['gta', 'keylime'].includes(source)) {
      tally.skip(source, 'nothing is known to expect of it', 1)
      continue
    }
    const files = new Map<string, Buffer>()
    for (const name of names.sort()) files.set(name, await readFile(join(folder, source, name)))
    for (const [name, bytes] of files) {
      const file = `${source}/${name}`
      const expect: Expect = (test, check) => {
        try {
          if (check()) tally.pass()
          else tally.fail(file, test, 'not the expected result')
        } catch (error) {
          tally.fail(file, test, `unexpected ${String(error)}`)
        }
      }
      if (source === 'gta' && ['ima.log', 'ima.bin'].includes(name)) expectGta(bytes, expect)
      else if (/^ima-log-/.test(name) && source === 'keylime') expectParsed(name.slice('ima-log-'.length), bytes, expect)
      else if (/_ima-sig\.txt$/.test(name)) expectSignatures(file, bytes, files.get(KEYS), expect, tally)
      else if (name !== KEYS) tally.skip(file, 'nothing is known to expect of it', 1)
    }
  }
}

function expectGta(bytes: Buffer, expect: Expect): void {
  const verify = (log: Uint8Array) => verifyImaLog(log, { algorithm: 'sha256', expected: GTA_PCR10, hashes })
  expect('entries', () => GTA_PATHS.every((path, i) => verify(bytes).log.entries[i]?.path === path))
  expect('template digests', () => verify(bytes).log.entries.every(({ templateDigestMatches }) => templateDigestMatches === true))
  expect('PCR 10', () => verify(bytes).replay.authenticated === GTA_PATHS.length && verify(bytes).replay.form === 'bank-digest')
  expect('PCR 10 of a longer log', () => {
    const { replay } = verify(Buffer.concat([bytes, bytes]))
    return replay.authenticated === GTA_PATHS.length && replay.tail === GTA_PATHS.length
  })
  expect('PCR 10 with another path', () => {
    const other = Buffer.from(bytes)
    other.write('/usr/bin/CAT', other.indexOf('/usr/bin/cat'))
    return verify(other).replay.authenticated === undefined
  })
}

/** The template digests of these logs are made up, mostly. */
function expectParsed(algorithm: string, bytes: Buffer, expect: Expect): void {
  expect('entries', () => {
    const { entries, incomplete } = parseImaLog(bytes, { hashes })
    const isRead = ({ fileDigest }: ImaEntry) =>
      fileDigest?.algorithm === algorithm && fileDigest.digest.length === (KEYLIME_SIZES[algorithm] ?? fileDigest.digest.length)
    return incomplete === 0 && entries.map(({ path }) => path).join() === 'boot_aggregate,/data' && entries.every(isRead)
  })
}

function expectSignatures(file: string, bytes: Buffer, keyFile: Buffer | undefined, expect: Expect, tally: Tally): void {
  const entries = () => parseImaLog(bytes, { hashes }).entries
  expect('template digests', () => entries().length > 0 && entries().every(({ templateDigestMatches }) => templateDigestMatches === true))
  let signed: ImaEntry[] = []
  expect('signatures', () => {
    signed = entries().filter(({ signature }) => signature !== undefined)
    return file.includes('/signatures') === signed.length > 0
  })
  for (const entry of signed) {
    const keys = keyFile === undefined ? [] : readImaSigningKeys(keyFile)
    if (verifyFileSignature(entry, keys).status === 'unknown-key') tally.skip(file, 'a signature whose key is not there', 1)
    else expect(`signature of ${entry.path}`, () => verifyFileSignature(entry, keys).status === 'valid')
  }
}
