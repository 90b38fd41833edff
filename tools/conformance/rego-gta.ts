/** The Global Trust Authority's policies on its own inputs. */
import { compile, parseJson, RegoError } from '@vouchsafe/rego'
import type { JavaScriptValue, Value } from '@vouchsafe/rego'
import type { TarFile } from './tar.ts'
import type { Tally } from './tally.ts'

export function runGta(files: readonly TarFile[], tally: Tally): void {
  if (!files.some(({ path }) => path.includes('gta/'))) return
  const find = (name: string): TarFile => {
    const file = files.find(({ path }) => path.endsWith(name))
    if (!file) throw new Error(`${name} is missing`)
    return file
  }
  const evaluate = (policy: string, input: string, query = 'data.verification.result'): JavaScriptValue | undefined => {
    const { path, text } = find(policy)
    return compile([{ file: path, source: text }]).evaluate({ query, input: parseJson(find(input).text) as Value }).result
  }
  const check = (name: string, holds: () => boolean): void => {
    try {
      if (holds()) tally.pass()
      else tally.fail('gta', name, 'the result is another one')
    } catch (error) {
      tally.fail('gta', name, String(error))
    }
  }
  const at = (value: JavaScriptValue | undefined, ...path: string[]): JavaScriptValue | undefined => {
    let here = value
    for (const name of path) here = typeof here === 'object' && here !== null && !Array.isArray(here) ? here[name] : undefined
    return here
  }
  const pcrs = (value: JavaScriptValue | undefined): unknown => Object.values(typeof value === 'object' && value !== null ? value : {})
  check('valid_policy on test_input', () => {
    const result = evaluate('valid_policy.rego', '/test_input.json')
    console.log(JSON.stringify(result), pcrs(result))
    return at(result, 'policy_matched') === true
  })
  check('not_compilable_policy', () => {
    try {
      evaluate('not_compilable_policy.rego', '/test_input.json')
      return false
    } catch (error) {
      return error instanceof RegoError
    }
  })
}
