import type { Check } from '@vouchsafe/checks'
import { columns, printable } from '@vouchsafe/command'

/** The checks of a verdict for people: what was found, and of a failed one what was expected. */
export function checkTable(checks: readonly Check[]): string {
  const rows = checks.map(({ name, passed, expected, found, note }) => {
    const values = passed
      ? (found ?? expected ?? '')
      : [expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean).join(', ')
    return [passed ? 'ok' : 'FAILED', name, printable([values, note && `(${note})`].filter(Boolean).join(' '))]
  })
  return columns(rows)
}
