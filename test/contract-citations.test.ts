// Comments cite the contracts in docs/contracts: every section, row and choice that they name must be there.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { test } from 'node:test'

const ROOT = resolve(import.meta.dirname, '..')
const NAMES = ['ehsm', 'gta'] as const

type Contract = (typeof NAMES)[number]

const COMMENT = /\/\*[\s\S]*?\*\/|(?:^[^\S\n]*\/\/.*\n?)+|\/\/ .*/gm
const CITES = /\bcontracts?\b|\bdecisions "/
/** A section that is not of another document, such as RFC 5280 §5.3.1. */
const SECTION = /(?<!(?:RFC|SEC|FIPS|SP|GM\/T|GB\/T|X\.690|Part)[^§;()]*)§(\d+(?:\.\d+)?)/g
const ROW = /\b[DW]\d{1,2}\b/g
const CHOICES = /decisions ((?:"[^"]+"(?:, | and )?)+)/g
const GTA_FOLDER = /(?:^|\/)(?:gta|attestation|signing-keys|agent)\//

const contracts = Object.fromEntries(NAMES.map((name) => [name, readContract(name)])) as Record<Contract, ReturnType<typeof readContract>>

function readContract(name: Contract) {
  const text = readFileSync(join(ROOT, `docs/contracts/${name}.md`), 'utf8')
  const headings = [...text.matchAll(/^#{2,3} (.+)$/gm)].map((match) => match[1]!)
  return {
    sections: new Set(headings.map((heading) => /^(\d+(?:\.\d+)?)\.? /.exec(heading)?.[1])),
    choices: new Set(headings.filter((heading) => !/^\d/.test(heading))),
    rows: new Set([...text.matchAll(/^\| ([DW]\d+) \|/gm)].map((match) => match[1])),
  }
}

function* sources(): Generator<string> {
  const packages = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`)
  for (const folder of [...packages, 'test', 'tools', 'bench']) {
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile() && /\.m?ts$/.test(path) && !/\/(?:node_modules|dist)\//.test(path)) yield path
    }
  }
}

/** The contract that a comment means: the one it names, or else that of its folder. */
function contractOf(path: string, comment: string): Contract {
  if (/eHSM|contracts\/ehsm/.test(comment)) return 'ehsm'
  if (/\bGTA\b|attestation authority/i.test(comment)) return 'gta'
  return GTA_FOLDER.test(path) ? 'gta' : 'ehsm'
}

test('every citation of a contract names a section that docs/contracts has', () => {
  const absent: string[] = []
  let citations = 0
  for (const path of sources()) {
    if (path === import.meta.filename) continue
    for (const [text] of readFileSync(path, 'utf8').matchAll(COMMENT)) {
      if (!CITES.test(text)) continue
      const comment = text.replace(/\n\s*(?:\*|\/\/) ?/g, ' ')
      const name = contractOf(relative(ROOT, path), comment)
      const { sections, choices, rows } = contracts[name]
      const check = (known: Set<string | undefined>, cited: string, shown: string) => {
        citations++
        if (!known.has(cited)) absent.push(`${relative(ROOT, path)}: ${name}.md has no ${shown}`)
      }
      for (const [, section] of comment.matchAll(SECTION)) check(sections, section!, `§${section}`)
      for (const [row] of comment.matchAll(ROW)) check(rows, row, `row ${row}`)
      for (const [, list] of comment.matchAll(CHOICES)) {
        for (const [, choice] of list!.matchAll(/"([^"]+)"/g)) check(choices, choice!, `"${choice}"`)
      }
    }
  }
  assert.deepEqual(absent, [])
  assert.ok(citations >= 60, `only ${citations} citations were found`)
})
