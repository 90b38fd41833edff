/** What a run has found, row by row, and how that differs from what is in baseline.json. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Figures by name. Those whose name begins with `of` or `than` are ratios within one run; the others are this machine's. */
export type Figures = Readonly<Record<string, number>>

const BASELINE = new URL('baseline.json', import.meta.url)

export class Report {
  readonly #rows = new Map<string, Figures>()

  /** Keeps a row and prints it. */
  row(name: string, figures: Figures): void {
    this.#rows.set(name, figures)
    const texts = Object.entries(figures).map(([figure, value]) => `${significant(value)} ${figure}`)
    console.log(`${name.padEnd(58)} ${texts.join('   ')}`)
  }

  /** Puts the rows of this run into the baseline, in the place of older ones of the same names. */
  save(): void {
    const rows = { ...readBaseline() }
    for (const [name, figures] of this.#rows)
      rows[name] = Object.fromEntries(Object.entries(figures).map(([figure, value]) => [figure, Number(significant(value))]))
    writeFileSync(BASELINE, `${JSON.stringify(rows, null, 2)}\n`)
  }

  /** Prints how each figure differs from the baseline's, in percent. */
  compare(): void {
    const baseline = readBaseline()
    console.log(`\n${'drift since the baseline'.padEnd(58)} ${['before', 'now', 'drift'].map((text) => text.padStart(10)).join(' ')}`)
    for (const [name, figures] of this.#rows)
      for (const [figure, now] of Object.entries(figures)) {
        const before = baseline[name]?.[figure]
        const drift = before === undefined ? 'new' : `${now < before ? '' : '+'}${((now / before - 1) * 100).toFixed(0)} %`
        const cells = [before === undefined ? '' : significant(before), significant(now), drift]
        console.log(`${`${name}: ${figure}`.padEnd(58)} ${cells.map((text) => text.padStart(10)).join(' ')}`)
      }
  }
}

function readBaseline(): Record<string, Figures> {
  try {
    return JSON.parse(readFileSync(BASELINE, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** Three digits that mean something. */
function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
