/** Profiles: how often each expression was evaluated, and the steps that it took, with what it called. What was not evaluated is listed too. */
import type { RuleWatcher } from './compile/code-rules.ts'
import { locate } from './syntax/source.ts'

/** What became of the expressions that begin on a line. */
export interface ProfiledLine {
  readonly file: string
  readonly row: number
  readonly evaluations: number
  /** Of the expressions, and of the rules and functions that they asked for; not of what comes after them. */
  readonly steps: number
}

export interface Profiler {
  readonly watcher: RuleWatcher
  /** Forgets what was counted. */
  reset(): void
  lines(): ProfiledLine[]
}

interface Counted {
  file: string
  row: number
  evaluations: number
  steps: number
}

export function createProfiler(): Profiler {
  const lines = new Map<string, Counted>()
  const lineOf = (file: string, row: number): Counted => {
    const key = `${row} ${file}`
    let line = lines.get(key)
    if (!line) lines.set(key, (line = { file, row, evaluations: 0, steps: 0 }))
    return line
  }
  const watcher: RuleWatcher = {
    branch(_coder, { module, rule }, { body, at }) {
      // A rule without a body is evaluated as a whole.
      const own = body.length === 0 ? lineOf(module.file, locate(module, at || rule.at).row) : undefined
      return {
        begin() {
          if (own) own.evaluations++
        },
        watch(expr, _index, link) {
          const line = lineOf(module.file, locate(module, expr.at).row)
          return (next) => {
            // Steps count from where the expression begins to where what follows it does.
            let started = 0
            const run = link((f, c) => {
              line.steps += c.budget.steps - started
              const stop = next(f, c)
              started = c.budget.steps
              return stop
            })
            return (f, c) => {
              const outer = started
              line.evaluations++
              started = c.budget.steps
              const stop = run(f, c)
              line.steps += c.budget.steps - started
              started = outer
              return stop
            }
          }
        },
        finish() {
          // The value of a rule is no expression.
        },
      }
    },
  }
  return {
    watcher,
    reset() {
      for (const line of lines.values()) line.evaluations = line.steps = 0
    },
    lines: () =>
      [...lines.values()]
        .map((line) => ({ ...line, steps: Math.ceil(line.steps) }))
        .sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.row - b.row)),
  }
}
