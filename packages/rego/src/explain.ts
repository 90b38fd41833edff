/** Explanations: for each rule consulted, whether it succeeded, and if not, which expression failed with the values it saw. */
import type { Coder, Known } from './compile/coder.ts'
import type { RuleWatcher } from './compile/code-rules.ts'
import { mentions } from './compile/variables.ts'
import { sourceName } from './compile/scope.ts'
import type { Frame, Getter } from './run/context.ts'
import type { Context } from './run/context.ts'
import { locate } from './syntax/source.ts'
import type { Expr, Term } from './syntax/ast.ts'
import { shortText } from './values/short-text.ts'
import type { Value } from './values/value.ts'

export interface Explanation {
  /** `data.package.rule`. */
  readonly rule: string
  readonly file: string
  /** Where the rule, or the expression that failed, begins. */
  readonly row: number
  readonly outcome: 'succeeded' | 'failed'
  /** A line for people. */
  readonly text: string
}

export interface Explainer {
  readonly watcher: RuleWatcher
  finish(): readonly Explanation[]
}

/** Rules beyond this many are not listed. */
const MAX_EXPLANATIONS = 200

/** What is known of a branch under way: the furthest expression that failed, and what was seen there. */
interface Attempt {
  furthest: number
  passed: number[]
  describe: string
  row: number
}

export function createExplainer(): Explainer {
  const found = new Map<string, Explanation>()
  const add = (explanation: Explanation): void => {
    const key = `${explanation.rule} ${explanation.row} ${explanation.text}`
    if (found.size < MAX_EXPLANATIONS) found.set(key, explanation)
  }
  const watcher: RuleWatcher = {
    branch(coder, placed, branch) {
      const slot = coder.fresh()
      const attemptOf = (f: Frame): Attempt => f[slot] as unknown as Attempt
      const { module, path, rule } = placed
      const name = ['data', ...path].join('.')
      const short = path.at(-1)!
      return {
        begin(f) {
          f[slot] = { furthest: -1, passed: [], describe: '', row: 0 } satisfies Attempt as unknown as Value
        },
        watch(expr, index, link, known) {
          const describe = describer(coder, expr, known, branch.body)
          const { row } = locate(module, expr.at)
          return (next) => {
            const run = link((f, c) => {
              const attempt = attemptOf(f)
              attempt.passed[index] = (attempt.passed[index] ?? 0) + 1
              return next(f, c)
            })
            return (f, c) => {
              const attempt = attemptOf(f)
              const before = attempt.passed[index]
              const stop = run(f, c)
              if (!stop && attempt.passed[index] === before && index >= attempt.furthest) {
                attempt.furthest = index
                attempt.row = row
                attempt.describe = describe(f, c)
              }
              return stop
            }
          }
        },
        finish(f, _c, value) {
          const attempt = attemptOf(f)
          const { file } = module
          if (value !== undefined) {
            const { row } = locate(module, rule.at)
            add({ rule: name, file, row, outcome: 'succeeded', text: `${short} is ${shortText(value)} (line ${row})` })
          } else if (attempt.furthest >= 0) {
            const text = `${short} failed at line ${attempt.row}: ${attempt.describe}`
            add({ rule: name, file, row: attempt.row, outcome: 'failed', text })
          }
        },
      }
    },
  }
  return { watcher, finish: () => [...found.values()] }
}

/** Says what an expression compares, with the values that its parts had. */
function describer(coder: Coder, expr: Expr, known: Known, body: readonly Expr[]): (f: Frame, c: Context) => string {
  const source = coder.source.source.slice(expr.at, expr.end).replace(/\s+/g, ' ')
  // Under `with`, parts had other values than they have here.
  if (expr.with.length > 0) return () => source
  const parts = partsOf(expr)
    .filter((part) => part.type !== 'scalar')
    .flatMap((part) => {
      const get = getterOf(coder, part, known)
      return get ? [{ text: textOf(coder, part), get }] : []
    })
  const definitions = definitionsOf(expr, body).flatMap(({ name, term }) => {
    const get = getterOf(coder, { type: 'var', name, at: 0, end: 0 }, known)
    return get ? [{ name: sourceName(name), get, substituted: substituted(coder, term, known) }] : []
  })
  return (f, c) => {
    const seen = parts.map(({ text, get }) => `${text} is ${valueText(get(f, c))}`)
    const made = definitions.map(({ name, get, substituted: of }) => `${name} := ${of(f, c)} is ${valueText(get(f, c))}`)
    const details = [...new Set([...seen, ...made])]
    return details.length === 0 ? source : `${source}, where ${details.join('; ')}`
  }
}

function valueText(value: Value | undefined): string {
  return value === undefined ? 'undefined' : shortText(value)
}

function textOf(coder: Coder, { at, end }: Term): string {
  return coder.source.source.slice(at, end).replace(/\s+/g, ' ')
}

/** The parts of an expression whose values show why it failed. */
function partsOf(expr: Expr): Term[] {
  switch (expr.type) {
    case 'unify':
    case 'assign':
      return [expr.left, expr.right]
    case 'term':
      return expr.term.type === 'call' ? expr.term.args : [expr.term]
    case 'some-in':
    case 'every':
      return [expr.domain]
    default:
      return []
  }
}

/** The getter of a part, where all of its variables are bound. */
function getterOf(coder: Coder, term: Term, known: Known): Getter | undefined {
  const { open, closed } = mentions(term)
  if (closed.size > 0 || [...open].some((name) => !known.bound.has(name))) return undefined
  return coder.value(term, known)
}

/** How the body made the variables that an expression uses. */
function definitionsOf(expr: Expr, body: readonly Expr[]): { name: string; term: Term }[] {
  const { open } = mentions(expr)
  return body.flatMap((each) => {
    if (each === expr || each.type !== 'unify' || each.left.type !== 'var' || !open.has(each.left.name)) return []
    return each.right.type === 'call' || each.right.type === 'ref' ? [{ name: each.left.name, term: each.right }] : []
  })
}

/** A call with the values of its arguments; anything else as its source. */
function substituted(coder: Coder, term: Term, known: Known): (f: Frame, c: Context) => string {
  if (term.type !== 'call') return () => textOf(coder, term)
  const args = term.args.map((arg) => getterOf(coder, arg, known))
  const { infix, name } = term
  return (f, c) => {
    const texts = args.map((get, i) => (get ? valueText(get(f, c)) : textOf(coder, term.args[i]!)))
    return infix === undefined ? `${name}(${texts.join(', ')})` : texts.join(` ${infix} `)
  }
}
