/** What the names of a module stand for outside its rules: rules of its package, imports, and the documents. */
import type { Module, Term } from '../syntax/ast.ts'

export interface Names {
  /** The path that a name stands for: `['data', 'pkg', 'rule']` or `['input', 'x']`. */
  readonly globals: ReadonlyMap<string, readonly string[]>
  isBuiltin(name: string): boolean
}

/** The names of a module, where `siblings` are all modules of the program. */
export function namesOf(module: Module, siblings: readonly Module[], isBuiltin: (name: string) => boolean): Names {
  const globals = new Map<string, readonly string[]>()
  const packageName = module.package.join('.')
  for (const sibling of siblings) {
    if (sibling.package.join('.') !== packageName) continue
    for (const rule of sibling.rules) {
      const name = ruleName(rule.ref)
      globals.set(name, ['data', ...module.package, name])
    }
  }
  for (const { path, alias } of module.imports) {
    const [root] = path
    if (root !== 'data' && root !== 'input') continue
    const name = alias ?? path.at(-1)!
    if (path.length > 1 || alias !== undefined) globals.set(name, path)
  }
  return { globals, isBuiltin }
}

export function ruleName(ref: readonly Term[]): string {
  const [first] = ref
  return first?.type === 'var' ? first.name : ''
}

/** A reference to a path of names. */
export function pathRef(path: readonly string[], { at, end }: { at: number; end: number }): Term {
  const [root = 'data', ...rest] = path
  const head: Term = { type: 'var', name: root, at, end }
  if (rest.length === 0) return head
  return { type: 'ref', head, path: rest.map((value) => ({ type: 'scalar', value, at, end })), at, end }
}
