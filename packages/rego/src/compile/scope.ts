/** Names of variables in nested bodies. Each declared variable gets a name of its own, so that later stages need no scopes. */

/** Separates a declared variable's name from its number; no source name has it. */
const MARK = '%'

export interface Declaration {
  unique: string
  how: 'declared' | 'assigned' | 'parameter'
  at: number
  used: boolean
}

export class Scope {
  readonly parent: Scope | undefined
  readonly declared = new Map<string, Declaration>()
  /** Names that were used here before anything declared them, and where. */
  readonly used = new Map<string, number>()

  constructor(parent: Scope | undefined) {
    this.parent = parent
  }

  find(name: string): Declaration | undefined {
    for (let scope: Scope | undefined = this; scope; scope = scope.parent) {
      const declaration = scope.declared.get(name)
      if (declaration) return declaration
    }
    return undefined
  }
}

/** A unique name that still shows the source's. */
export function uniqueName(name: string, count: number): string {
  return `${name}${MARK}${count}`
}

/** The name in the source; `_` for wildcards. */
export function sourceName(unique: string): string {
  return unique.startsWith('$') ? '_' : unique.split(MARK)[0]!
}

export function isWildcard(name: string): boolean {
  return name.startsWith('$')
}
