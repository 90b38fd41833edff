/** The Global Trust Authority's policies on its own inputs, with the results that its own tests expect. */
import { compile, parseJson, RegoError } from '@vouchsafe/rego'
import type { JavaScriptValue } from '@vouchsafe/rego'
import type { TarFile } from './tar.ts'
import type { Tally } from './tally.ts'

const INPUTS = {
  plain: 'inputs/test_input.json',
  other: 'inputs/test_input_pcr_not_match.json',
  boot: 'inputs/boot_evidence.json',
  ima: 'inputs/ima_evidence.json',
}

export function runGta(files: readonly TarFile[], tally: Tally): void {
  const own = files.filter(({ path }) => /(^|\/)gta\//.test(path))
  if (own.length === 0) return
  const find = (name: string): TarFile => {
    const file = own.find(({ path }) => path.endsWith(`/${name}`))
    if (!file) throw new Error(`${name} is missing`)
    return file
  }
  const evaluate = (policy: string, input: string): JavaScriptValue | undefined => {
    const { path, text } = find(policy)
    return compile([{ file: path, source: text }]).evaluate({ query: 'data.verification.result', input: parseJson(find(input).text) })
      .result
  }
  const check = (name: string, holds: () => boolean): void => {
    try {
      if (holds()) tally.pass()
      else tally.fail('gta', name, 'the result is another one')
    } catch (error) {
      tally.fail('gta', name, String(error))
    }
  }
  const isRefused = (policy: string): boolean => {
    try {
      evaluate(policy, INPUTS.plain)
      return false
    } catch (error) {
      return error instanceof RegoError
    }
  }

  for (const [input, valid, matching] of [
    [INPUTS.plain, true, 5],
    [INPUTS.other, false, 3],
  ] as const)
    check(`valid_policy on ${input}`, () => {
      const result = evaluate('policies/valid_policy.rego', input)
      const pcrs = at(result, 'custom_data', 'matching_pcrs')
      return at(result, 'attestation_valid') === valid && Array.isArray(pcrs) && pcrs.length === matching
    })
  check('not_compilable_policy is refused', () => isRefused('policies/not_compilable_policy.rego'))
  check(
    'large_output_policy gives over 500 KB',
    () => JSON.stringify(evaluate('policies/large_output_policy.rego', INPUTS.plain)).length > 500_000,
  )
  check('boot export', () => at(evaluate('policies/boot_evidence_export.rego', INPUTS.boot), 'secure_boot') === 'disabled')
  check('ima export', () => evaluate('policies/ima_evidence_export.rego', INPUTS.ima) !== undefined)
  check('ima custom', () => at(evaluate('policies/ima_evidence_custom.rego', INPUTS.ima), 'attestation_valid') === true)
  check('boot custom', () => {
    const result = evaluate('policies/boot_evidence_custom.rego', INPUTS.boot)
    return at(result, 'attestation_valid') === false && at(result, 'custom_data', 'hash_alg') === 'sha256'
  })
  for (const policy of ['tpm_boot', 'tpm_ima', 'ascend_npu', 'virt_cca'])
    check(`export policy ${policy} compiles`, () => {
      const { path, text } = find(`export_policy/${policy}.rego`)
      return compile([{ file: path, source: text }]) !== undefined
    })
  check('the API document’s first policy', () => at(evaluate('api-doc/policy1.rego', INPUTS.ima), 'policy_matched') !== undefined)
  check('the API document’s second policy is refused for its function', () => {
    try {
      const { path, text } = find('api-doc/policy2.rego')
      compile([{ file: path, source: text }])
      return false
    } catch (error) {
      return error instanceof RegoError && error.message.includes('undefined function find_missing_digests')
    }
  })
}

function at(value: JavaScriptValue | undefined, ...path: string[]): JavaScriptValue | undefined {
  let here = value
  for (const name of path) here = typeof here === 'object' && here !== null && !Array.isArray(here) ? here[name] : undefined
  return here
}
