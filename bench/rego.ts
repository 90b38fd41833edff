/**
 * What policies cost, as ratios to `JSON.parse` of the same input in the same run, since machines differ. Part of `npm run bench`; alone with
 * `npm run bench -- --only rego`.
 */
import { compile } from '@vouchsafe/rego'
import type { Report } from './figures.ts'
import { median } from './statistics.ts'

const POLICY = `package verification

is_log_valid = valid {
    some i
    logs := input.evidence.logs
    logs[i].log_type == "ImaLog"
    valid := logs[i].is_log_valid
}

pcr_present {
    all := {x | x := [10][_] }
    measured := {pcr.pcr_index | pcr := input.evidence.pcrs.pcr_values[_]}
    all_pcrs_subset := all - measured
    count(all_pcrs_subset) == 0
}

default attestation_valid = false
attestation_valid {
    is_log_valid == true
    pcr_present
}

result = {
    "policy_matched": attestation_valid,
    "custom_data": {
        "hash_alg": input.evidence.pcrs.hash_alg
    }
}`

const ROUNDS = 5

/** Milliseconds of one call: the middle one of several rounds after a warm-up. */
function milliseconds(count: number, work: () => unknown): number {
  for (let i = 0; i < count; i++) work()
  const rounds = Array.from({ length: ROUNDS }, () => {
    const started = performance.now()
    for (let i = 0; i < count; i++) work()
    return (performance.now() - started) / count
  })
  return median(rounds)
}

function imaInput(entries: number): string {
  const log = Array.from({ length: entries }, (_, i) => ({ file: `/usr/bin/tool-${i}`, digest: `sha256:${String(i).padStart(64, '0')}` }))
  const pcr_values = Array.from({ length: 11 }, (_, i) => ({ pcr_index: i, pcr_value: String(i).padStart(64, '0') }))
  return JSON.stringify({
    evidence: { logs: [{ log_type: 'ImaLog', is_log_valid: true, log_data: log }], pcrs: { hash_alg: 'sha256', pcr_values } },
  })
}

function equalities(count: number): string {
  return `package a\n${Array.from({ length: count }, (_, i) => `allow { input.user == "user-${i}"; input.active }`).join('\n')}`
}

export function benchRego(report: Report): void {
  const query = 'data.verification.result'
  const row = (name: string, ms: number, parse: number): void => report.row(name, { ms, 'of JSON.parse': ms / parse })

  const small = imaInput(2)
  const parseSmall = milliseconds(2000, () => JSON.parse(small))
  const policy = compile([{ file: 'policy.rego', source: POLICY }])
  const input: unknown = JSON.parse(small)
  row(
    'rego: compile the document’s policy',
    milliseconds(100, () => compile([{ file: 'policy.rego', source: POLICY }])),
    parseSmall,
  )
  row(
    'rego: evaluate it',
    milliseconds(2000, () => policy.evaluate({ query, input })),
    parseSmall,
  )

  // The index makes compiling rules that compare constants dearer; these have none.
  const rules = `package a\nimport rego.v1\n${Array.from({ length: 1000 }, (_, i) => `r${i} if {\n\tsome x in input.list\n\tx.name == "n${i}"\n\tcount(x.tags) > ${i}\n}`).join('\n')}`
  row(
    'rego: compile a thousand rules',
    milliseconds(5, () => compile([{ file: 'a.rego', source: rules }])),
    parseSmall,
  )

  const large = imaInput(40_000)
  const parseLarge = milliseconds(2, () => JSON.parse(large))
  const largeInput: unknown = JSON.parse(large)
  const size = (large.length / 1e6).toFixed(1)
  row(
    `rego: evaluate it on ${size} MB of IMA log`,
    milliseconds(500, () => policy.evaluate({ query, input: largeInput })),
    parseLarge,
  )

  const [one, thousand] = [1, 1000].map((count) => compile([{ file: 'a.rego', source: equalities(count) }]))
  const last = { user: 'user-999', active: true }
  const single = milliseconds(3000, () => one!.evaluate({ query: 'data.a.allow', input: { user: 'user-0', active: true } }))
  const many = milliseconds(3000, () => thousand!.evaluate({ query: 'data.a.allow', input: last }))
  report.row('rego: a thousand equality rules', { ms: many, 'of one rule': many / single })
}
