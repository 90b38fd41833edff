// Text for people.

/** Lines of left-aligned columns, two spaces apart, each ending in a line break. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  return rows
    .map(
      (row) =>
        row
          // The last cell is often long, in one row of many: to fill up all others to it could take gigabytes.
          .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
          .join('  ')
          .trimEnd() + '\n',
    )
    .join('')
}

/** Columns under their names, of text from elsewhere; nothing for no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : columns([head, ...rows.map((row) => row.map(printable))])
}

/** Text from elsewhere on one line of a terminal: control characters, which could move its cursor or worse, become `\u001b` and such. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`)
}

/** A time in milliseconds since 1970 as ISO 8601 in UTC, to the second. */
export function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().replace(/\.\d+Z$/, 'Z')
}
