/** Makes closures of the bodies of one rule: its variables have slots in one frame, closures inside it included. */
import type { Expr, Term } from '../syntax/ast.ts'
import type { Source } from '../syntax/source.ts'
import type { Getter, Link, Step } from '../run/context.ts'
import type { Builtin, DocNode, Group } from '../run/program.ts'
import { codeExpr } from './code-exprs.ts'
import { codeRef, prepareRef } from './code-refs.ts'
import { codeTerm, prepareTerm } from './code-terms.ts'
import type { Visibility } from './flow.ts'
import { Flow } from './flow.ts'
import type { RuleMetadata } from './metadata.ts'
import type { Ordered } from './order.ts'
import { orderBody } from './order.ts'

/** What the code of a rule needs to know of the program around it. */
export interface Linker {
  readonly root: DocNode
  builtin(name: string): Builtin | undefined
  function(name: string): Group | undefined
  /** Whether some `with` replaces the function. */
  isMocked(name: string): boolean
  /** What annotations say about the place of a call. */
  metadata(source: Source, at: number): RuleMetadata
  /** Takes note of variables that nothing binds. */
  unsafe(source: Source, variables: ReadonlyMap<string, Expr | Term>): void
}

/** What is bound at a point of a body; generators add to it. */
export interface Known {
  bound: Set<string>
  readonly visibility: Visibility
}

export interface CodedBody {
  readonly link: Link
  readonly known: Known
  readonly ordered: Ordered
}

/** Wraps the link of a body's expression, to be told what becomes of it. */
export type Watch = (expr: Expr, index: number, link: Link, known: Known) => Link

export class Coder {
  readonly linker: Linker
  readonly source: Source
  private readonly slots = new Map<string, number>()
  private temporaries = 0
  size = 0

  constructor(linker: Linker, source: Source) {
    this.linker = linker
    this.source = source
  }

  /** The slot of a variable. */
  slot(name: string): number {
    let slot = this.slots.get(name)
    if (slot === undefined) this.slots.set(name, (slot = this.size++))
    return slot
  }

  /** A slot of no variable. */
  fresh(): number {
    return this.size++
  }

  /** A variable that the source does not have. */
  freshVar(term: Term): Term {
    return { type: 'var', name: `$tmp${this.temporaries++}`, at: term.at, end: term.end }
  }

  /** Orders and codes a body; `extra` are terms that are evaluated behind it. */
  body(exprs: readonly Expr[], outer: Known, extra: readonly Term[] = [], watch?: Watch): CodedBody {
    const ordered = orderBody(exprs, outer.bound, outer.visibility, extra)
    this.linker.unsafe(this.source, ordered.unsafe)
    const known: Known = { bound: new Set(outer.bound), visibility: ordered.visibility }
    const links = ordered.exprs.map((expr, i) => {
      const link = codeExpr(this, expr, known)
      return watch ? watch(expr, i, link, { bound: new Set(known.bound), visibility: known.visibility }) : link
    })
    return { link: chain(links), known, ordered }
  }

  /** The getter of a term behind a body: references with unbound variables are searched first. Reports unsafe variables. */
  head(term: Term, known: Known): { links: Link[]; get: Getter } {
    const links: Link[] = []
    const flow = new Flow(known.bound, known.visibility)
    flow.generate(term)
    const unsafe = [...new Set([...flow.missing, ...flow.unbound(term)])]
    if (unsafe.length > 0) {
      this.linker.unsafe(this.source, new Map(unsafe.map((name) => [name, term])))
      return { links, get: () => undefined }
    }
    return { links, get: this.value(this.prepare(term, known, links), known) }
  }

  /** Replaces the parts of a term that search by variables, which `links` bind. */
  prepare(term: Term, known: Known, links: Link[]): Term {
    return prepareTerm(this, term, known, links)
  }

  prepareRef(term: Extract<Term, { type: 'ref' }>, known: Known, links: Link[]): Term {
    return prepareRef(this, term, known, links)
  }

  /** The getter of a prepared term, all of whose variables are bound. */
  value(term: Term, known: Known): Getter {
    return codeTerm(this, term, known)
  }

  ref(term: Extract<Term, { type: 'ref' }>, known: Known): Getter {
    return codeRef(this, term, known)
  }
}

/** Links one after the other. */
export function chain(links: readonly Link[]): Link {
  return (next: Step) => links.reduceRight((step, link) => link(step), next)
}
