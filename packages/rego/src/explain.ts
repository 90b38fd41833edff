/** Explanations: for each rule consulted, whether it succeeded, and if not, which expression failed with the values it saw. */
import type { RuleWatcher } from './compile/code-rules.ts'
import type { Limits } from './run/budget.ts'

export interface Explanation {
  /** `data.package.rule`. */
  readonly rule: string
  readonly file: string
  readonly row: number
  readonly outcome: 'succeeded' | 'failed'
  /** A line for people. */
  readonly text: string
}

export interface Explainer {
  readonly watcher: RuleWatcher
  finish(): readonly Explanation[]
}

export function createExplainer(_limits: Limits): Explainer {
  throw new Error('not yet')
}
