// What `policy test` prints: failures first in short, everything on request.
import { printable } from '@vouchsafe/command'
import type { Outcome } from '@vouchsafe/command'
import type { ProfiledLine, TestResult } from '@vouchsafe/rego'

/** Reasons of one failed test that are shown unless all are wanted. */
const MAX_REASONS = 3

/** Exit code 1 if a test failed. */
export function testOutcome(tests: readonly TestResult[], lines: readonly ProfiledLine[] | undefined, isVerbose: boolean): Outcome {
  const count = (outcome: TestResult['outcome']): number => tests.filter((test) => test.outcome === outcome).length
  const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')]
  const shown = tests.filter(({ outcome }) => isVerbose || outcome === 'failed').flatMap((test) => linesOf(test, isVerbose))
  const summary = [`${passed} passed`, `${failed} failed`, ...(skipped > 0 ? [`${skipped} skipped`] : [])].join(', ')
  const coverage = lines && coverageOf(lines)
  const text = [...shown, ...(coverage ? coverageLines(coverage) : []), summary].map(printable).join('\n')
  return {
    json: {
      tests: tests.map((test) => ({ ...test, passed: test.outcome === 'passed' })),
      passed,
      failed,
      skipped,
      ...(coverage && { coverage }),
    },
    text: `${text}\n`,
    exitCode: failed > 0 ? 1 : 0,
  }
}

function linesOf({ name, file, row, outcome, reasons, cases, milliseconds, steps }: TestResult, isVerbose: boolean): string[] {
  const cost = isVerbose && outcome !== 'skipped' ? ` (${milliseconds.toFixed(2)} ms, ${steps} steps)` : ''
  const wanted = isVerbose ? cases : cases.filter((each) => !each.passed)
  const told = isVerbose ? reasons : reasons.slice(0, MAX_REASONS)
  const hidden = reasons.length - told.length
  return [
    `${name}: ${WORDS[outcome]} ${file}:${row}${cost}`,
    ...wanted.map((each) => `  ${each.name}: ${each.passed ? 'pass' : 'FAIL'}`),
    ...told.map((reason) => `  ${reason}`),
    ...(hidden > 0 ? [`  and ${hidden} more: --verbose shows them`] : []),
  ]
}

const WORDS = { passed: 'pass', failed: 'FAIL', skipped: 'skipped' } as const

interface FileCoverage {
  file: string
  covered: number
  lines: number
  notCovered: number[]
}

function coverageOf(lines: readonly ProfiledLine[]): { percent: number; files: FileCoverage[] } {
  const files = new Map<string, FileCoverage>()
  for (const { file, row, evaluations } of lines) {
    let found = files.get(file)
    if (!found) files.set(file, (found = { file, covered: 0, lines: 0, notCovered: [] }))
    found.lines++
    if (evaluations > 0) found.covered++
    else found.notCovered.push(row)
  }
  const all = [...files.values()]
  const [covered, total] = [all.reduce((sum, file) => sum + file.covered, 0), all.reduce((sum, file) => sum + file.lines, 0)]
  return { percent: total === 0 ? 100 : Math.round((1000 * covered) / total) / 10, files: all }
}

function coverageLines({ percent, files }: { percent: number; files: readonly FileCoverage[] }): string[] {
  return [
    ...files.map(({ file, covered, lines, notCovered }) => {
      const missing = notCovered.length > 0 ? `, not: ${rangesOf(notCovered)}` : ''
      return `${file}: ${covered} of ${lines} lines${missing}`
    }),
    `coverage: ${percent} %`,
  ]
}

/** `3-5, 9`. */
function rangesOf(rows: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const row of rows) {
    const last = ranges.at(-1)
    if (last && row === last[1] + 1) last[1] = row
    else ranges.push([row, row])
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(', ')
}
