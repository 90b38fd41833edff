import assert from 'node:assert/strict'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, test } from 'node:test'
import {
  configfsTsmProvider,
  createSimulatedPki,
  exportSimulatedPki,
  gramineProvider,
  importSimulatedPki,
  parseQuote,
  QuoteProviderError,
  simulatedEnclave,
  verifyQuote,
} from '../src/index.ts'
import type { TsmFiles } from '../src/index.ts'
import { kernelFiles } from '../src/providers/configfs-tsm.ts'
import { AT, makeQuote, pki } from './support/simulation.ts'

const REPORT_DATA = Buffer.alloc(64, 0xd1)
const NOBODY = 65534
const folders: string[] = []
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

function gramineFolder(files: Record<string, string | Buffer>): string {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-gramine-'))
  folders.push(folder)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

test('gramine: the report data is written and the quote that has it is handed on', async () => {
  const path = gramineFolder({ attestation_type: 'dcap\n', user_report_data: Buffer.alloc(64), quote: makeQuote() })
  const { format, bytes } = await gramineProvider({ path }).quote(REPORT_DATA)
  assert.deepEqual([format, parseQuote(bytes).body.reportData], ['dcap', REPORT_DATA])
  assert.deepEqual(readFileSync(join(path, 'user_report_data')), REPORT_DATA)
})

test('gramine: a quote with other report data, another attestation type or no interface is an error', async () => {
  const files = { attestation_type: 'dcap', user_report_data: Buffer.alloc(64), quote: makeQuote() }
  await assert.rejects(gramineProvider({ path: gramineFolder(files) }).quote(Buffer.alloc(64, 1)), /other report data/)
  await assert.rejects(gramineProvider({ path: gramineFolder({ ...files, attestation_type: 'none' }) }).quote(REPORT_DATA), /not dcap/)
  await assert.rejects(gramineProvider({ path: '/nonexistent' }).quote(REPORT_DATA), {
    name: 'QuoteProviderError',
    message: 'gramine: /nonexistent/attestation_type: ENOENT',
  })
  await assert.rejects(async () => gramineProvider().quote(Buffer.alloc(32)), QuoteProviderError)
})

/** The kernel's side of configfs-tsm: a directory that is made has attributes, and reading `outblob` answers what was written to `inblob`. */
function kernel(answer: (inblob: Buffer) => Buffer, provider = 'tdx_guest', writes = 1) {
  const folders = new Map<string, Buffer>()
  const files: TsmFiles = {
    mkdir: async (path) => void folders.set(path, Buffer.alloc(0)),
    rmdir: async (path) => void folders.delete(path),
    write: async (path, bytes) => {
      assert.equal(basename(path), 'inblob')
      folders.set(dirname(path), Buffer.from(bytes))
    },
    read: async (path) => {
      const inblob = folders.get(dirname(path))
      assert.ok(inblob)
      const attributes: Record<string, Buffer> = {
        outblob: answer(inblob),
        provider: Buffer.from(`${provider}\n`),
        generation: Buffer.from(`${writes}\n`),
      }
      return attributes[basename(path)]!
    },
  }
  return { files, folders }
}

test('configfs-tsm: a TDX quote for the report data is handed on, and the directory is gone', async () => {
  const { files, folders } = kernel((reportData) => makeQuote({ version: 4, tee: 'TDX', td: { reportData } }))
  const provider = configfsTsmProvider({ files })
  const { format, bytes } = await provider.quote(Buffer.alloc(64, 7))
  assert.deepEqual([format, parseQuote(bytes).body.reportData], ['dcap', Buffer.alloc(64, 7)])
  assert.equal(folders.size, 0)
})

test('configfs-tsm: an SNP report is handed on as what it is', async () => {
  const { files } = kernel((reportData) => Buffer.concat([Buffer.alloc(0x50), reportData, Buffer.alloc(1000)]), 'sev_guest')
  const { format, bytes } = await configfsTsmProvider({ files }).quote(REPORT_DATA)
  assert.deepEqual([format, bytes.length], ['sev-snp', 0x50 + 64 + 1000])
})

test('configfs-tsm: an answer to something else, a disturbed one, and unknown providers are errors', async () => {
  const other = kernel(() => makeQuote({ version: 4, tee: 'TDX', td: { reportData: Buffer.alloc(64) } }))
  await assert.rejects(configfsTsmProvider({ files: other.files }).quote(REPORT_DATA), /other report data/)
  assert.equal(other.folders.size, 0)
  const quote = (reportData: Buffer) => makeQuote({ version: 4, tee: 'TDX', td: { reportData } })
  await assert.rejects(configfsTsmProvider({ files: kernel(quote, 'tdx_guest', 2).files }).quote(REPORT_DATA), /disturbed/)
  await assert.rejects(configfsTsmProvider({ files: kernel(quote, 'arm_cca').files }).quote(REPORT_DATA), /arm_cca/)
})

test('configfs-tsm: the report data goes into a file that may only be written', async () => {
  const folder = gramineFolder({})
  const file = join(folder, 'inblob')
  writeFileSync(file, '', { mode: 0o200 })
  const isRoot = process.geteuid!() === 0
  // Permissions of plain files, unlike those of configfs, don't bind root.
  if (isRoot) {
    for (const path of [folder, file]) chownSync(path, NOBODY, NOBODY)
    process.seteuid!(NOBODY)
  }
  try {
    await kernelFiles.write(file, REPORT_DATA)
  } finally {
    if (isRoot) process.seteuid!(0)
  }
  if (isRoot) assert.deepEqual(readFileSync(file), REPORT_DATA)
})

test('configfs-tsm: a kernel without it is an error that names the folder', async () => {
  const path = gramineFolder({})
  await assert.rejects(configfsTsmProvider({ path: join(path, 'report') }).quote(REPORT_DATA), {
    name: 'QuoteProviderError',
    message: /ENOENT$/,
  })
  mkdirSync(join(path, 'report'))
  await assert.rejects(configfsTsmProvider({ path: join(path, 'report') }).quote(REPORT_DATA), /inblob: ENOENT$/)
})

test('the simulated enclave makes quotes that its own root and collateral accept, and says what it is', async () => {
  const enclave = simulatedEnclave({ pki })
  const { bytes } = await enclave.quote(REPORT_DATA)
  const quote = parseQuote(bytes)
  const report = verifyQuote(quote, { collateral: await enclave.collateral(AT), at: AT, roots: [enclave.root] })
  assert.deepEqual(report.reasons, [])
  assert.deepEqual(
    { ...report.measurements },
    {
      mrEnclave: '70de1979095b7b85c18adefb1e1df55780e09ac3c1cc0e56a0df018a130b2fbd',
      mrSigner: 'c30446b4be9baf0f69728423ea613ef81a63e72acf7439fa0549001fd5482835',
      isvProdId: 0,
      isvSvn: 0,
      attributes: '0500000000000000e700000000000000',
      reportData: REPORT_DATA.toString('hex'),
    },
  )
  assert.match(quote.userData.toString('latin1'), /SIMULATED/)
  for (const certificate of [pki.root, pki.pckCa, pki.pck, pki.tcbSigning])
    assert.match(certificate.certificate.subject.text, /Simulated.*no hardware/)
})

test('the simulated enclave measures what it is told to', async () => {
  const enclave = simulatedEnclave({ pki, mrEnclave: 'ab'.repeat(32), mrSigner: 'cd'.repeat(32) })
  const { body } = parseQuote((await enclave.quote(REPORT_DATA)).bytes)
  assert.ok(body.kind === 'sgx')
  assert.deepEqual([body.mrEnclave.toString('hex'), body.mrSigner.toString('hex')], ['ab'.repeat(32), 'cd'.repeat(32)])
})

test('a simulated PKI survives being kept, and no two are alike', async () => {
  const kept = importSimulatedPki(exportSimulatedPki(pki))
  const enclave = simulatedEnclave({ pki: kept })
  const quote = parseQuote((await enclave.quote(REPORT_DATA)).bytes)
  assert.ok(verifyQuote(quote, { collateral: await enclave.collateral(AT), at: AT, roots: [pki.root.certificate] }).accepted)
  const other = await createSimulatedPki(AT)
  assert.ok(!other.root.certificate.der.equals(pki.root.certificate.der))
})
