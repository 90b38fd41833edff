/**
 * `npm run bench`: what one server process does, as ratios to the least that the same work costs, measured in the same run: rates depend on the machine and
 * on what else runs there, processor time per request hardly does. Prints; judges nothing. ARCHITECTURE.md says how to read the figures.
 */
import { parseArgs } from 'node:util'
import { isInPath, requireServices } from '../tools/services.ts'
import { benchAttestation } from './attestation.ts'
import { benchAuditLog } from './audit-log.ts'
import { benchDcap } from './dcap.ts'
import { Report } from './figures.ts'
import { benchOperations } from './operations.ts'
import { benchRego } from './rego.ts'
import { benchTpm } from './tpm.ts'
import { benchTrail } from './trail.ts'

const USAGE = `usage: npm run bench -- [--only NAME] [--rounds N] [--soak N] [--server-args TEXT] [--compare] [--save]

  --only NAME         one suite (rego, tpm, audit-log, trail, dcap, attestation, operations), or operations with this in their names
  --rounds N          rounds of each operation; 7 by default
  --soak N            requests before memory is measured; 1000000 by default, 0 for not at all
  --server-args TEXT  added to the server's command line, such as '--threads 2'; rows are named after it
  --compare           how each figure differs from bench/baseline.json
  --save              puts the figures into bench/baseline.json`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    soak: { type: 'string', default: '1000000' },
    'server-args': { type: 'string', default: '' },
    compare: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const report = new Report()
const serverArgs = values['server-args'].split(' ').filter((text) => text !== '')
const operations = (only?: string) =>
  benchOperations(report, { only, rounds: Number(values.rounds), serverArgs, soak: Number(values.soak) })

const SUITES: Record<string, () => void | Promise<void>> = {
  rego: () => benchRego(report),
  tpm: () => benchTpm(report),
  'audit-log': () => benchAuditLog(report),
  dcap: () => benchDcap(report),
  attestation: () => benchAttestation(report, serverArgs),
  trail: () => benchTrail(report, serverArgs),
  operations: () => operations(),
}

async function run(only: string | undefined): Promise<void> {
  if (only !== undefined && !Object.hasOwn(SUITES, only)) return operations(only)
  for (const [name, suite] of Object.entries(SUITES)) if (only === undefined || only === name) await suite()
}

if (values.help) {
  console.log(USAGE)
} else {
  requireServices([['wrk', 'wrk', () => isInPath('wrk')]], 'bench')
  await run(values.only)
  if (values.compare) report.compare()
  if (values.save) report.save()
}
