/** `with`: the expression runs in a context of its own, what comes after it in the one before. */
import { Context } from '../run/context.ts'
import type { Frame, Getter, Link } from '../run/context.ts'
import { overlayPath, patch } from '../run/documents.ts'
import type { Replacement } from '../run/program.ts'
import type { Expr, Term, With } from '../syntax/ast.ts'
import type { Coder, Known } from './coder.ts'
import { plainName } from './resolve.ts'

/** What a modifier replaces, with a value that is computed when the expression is reached. */
type Change = (f: Frame, c: Context, next: Context) => Context | undefined

/** Codes an expression with modifiers; `code` codes it without them. */
export function codeWith(coder: Coder, expr: Expr, known: Known, code: (inner: Expr) => Link): Link {
  const links: Link[] = []
  const changes = expr.with.map((modifier) => codeChange(coder, modifier, known, links))
  const link = code({ ...expr, with: [] })
  const run: Link = (next) => {
    const inner = link((f, c) => next(f, c.outer!))
    return (f, c) => {
      let changed: Context | undefined = c
      for (const change of changes) {
        if (changed === undefined) return false
        changed = change(f, c, changed)
      }
      return changed === undefined ? false : inner(f, changed)
    }
  }
  return (next) => links.reduceRight((step, each) => each(step), run(next))
}

function codeChange(coder: Coder, modifier: With, known: Known, links: Link[]): Change {
  const { target, value } = modifier
  const name = plainName(target) ?? ''
  const path = name.split('.').slice(1)
  if (coder.linker.function(name) || coder.linker.builtin(name)) return codeMock(coder, name, modifier, known, links)
  const get = codeValue(coder, value, known, links)
  const names = pathNames(target) ?? path
  if (name === 'input' || name.startsWith('input.') || isRootedAt(target, 'input')) {
    return (f, c, next) => {
      const item = get(f, c)
      return item === undefined ? undefined : new Context(c.session, patch(next.input, names, item), next.data, next.overlay, next.mocks, c)
    }
  }
  return (f, c, next) => {
    const item = get(f, c)
    return item === undefined
      ? undefined
      : new Context(c.session, next.input, patch(next.data, names, item), overlayPath(next.overlay, names), next.mocks, c)
  }
}

function isRootedAt(target: Term, root: string): boolean {
  return target.type === 'ref' && target.head.type === 'var' && target.head.name === root
}

/** The path of a target, whose brackets hold strings. */
function pathNames(target: Term): string[] | undefined {
  if (target.type === 'var') return []
  if (target.type !== 'ref') return undefined
  const names = target.path.map((key) => (key.type === 'scalar' && typeof key.value === 'string' ? key.value : undefined))
  return names.includes(undefined) ? undefined : (names as string[])
}

function codeValue(coder: Coder, value: Term, known: Known, links: Link[]): Getter {
  return coder.value(coder.prepare(value, known, links), known)
}

/** The replacement of a function: another one where the value names it, else a value. */
function codeMock(coder: Coder, name: string, modifier: With, known: Known, links: Link[]): Change {
  const put = (c: Context, next: Context, replacement: Replacement): Context =>
    new Context(c.session, next.input, next.data, next.overlay, new Map(next.mocks).set(name, replacement), c)
  const { value } = modifier
  const group = coder.linker.function(plainName(value) ?? '')
  const builtin = modifier.builtin === undefined ? undefined : coder.linker.builtin(modifier.builtin)
  if (group) return (_f, c, next) => put(c, next, { group })
  if (builtin) return (_f, c, next) => put(c, next, { builtin })
  const get = codeValue(coder, value, known, links)
  return (f, c, next) => {
    const item = get(f, c)
    return item === undefined ? undefined : put(c, next, { value: item })
  }
}
