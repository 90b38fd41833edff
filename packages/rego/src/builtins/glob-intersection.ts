/** Whether some text matches both of two globs: dots, characters, sets in brackets, each with `*` or `+`. */
import { allocate, spend } from '../run/budget.ts'
import { failure } from './types.ts'

interface Part {
  /** Ranges of code points. */
  ranges: readonly (readonly [number, number])[]
  repeat: '' | '*' | '+'
}

/** What a place in both, or a character of one, takes. */
const STATE_BYTES = 64
const ANY: readonly [number, number] = [0, 0x10ffff]

export function globsIntersect(left: string, right: string): boolean {
  const [a, b] = [parse(left), parse(right)]
  // Both are read at once: a place is how far each has come.
  const seen = new Set<number>()
  const waiting: [number, number][] = [[0, 0]]
  const width = b.length + 1
  for (let place = waiting.pop(); place; place = waiting.pop()) {
    const [i, j] = place
    if (seen.has(i * width + j)) continue
    seen.add(i * width + j)
    allocate(STATE_BYTES)
    spend(1)
    if (i === a.length && j === b.length) return true
    const [x, y] = [a[i], b[j]]
    if (x?.repeat === '*') waiting.push([i + 1, j])
    if (y?.repeat === '*') waiting.push([i, j + 1])
    if (!x || !y || !meet(x, y)) continue
    const [stayX, stayY] = [x.repeat === '*', y.repeat === '*']
    waiting.push([i + 1, j + 1])
    if (stayX) waiting.push([i, j + 1])
    if (stayY) waiting.push([i + 1, j])
  }
  return false
}

function meet(a: Part, b: Part): boolean {
  spend(a.ranges.length * b.ranges.length)
  return a.ranges.some(([from, to]) => b.ranges.some(([start, end]) => from <= end && start <= to))
}

/** The parts of a glob; `x+` becomes `x` and `x*`. */
function parse(glob: string): Part[] {
  allocate(STATE_BYTES * glob.length)
  spend(glob.length)
  const chars = [...glob]
  const parts: Part[] = []
  const fail = (at: number, why: string): never => {
    throw failure(`input:${glob}, pos:${at}, ${why}: the input provided is invalid`)
  }
  const escaped = (at: number): number => {
    const char = chars[at + 1]
    return char === undefined ? fail(at, 'nothing follows the backslash') : char.codePointAt(0)!
  }
  for (let i = 0; i < chars.length;) {
    const char = chars[i]!
    let ranges: (readonly [number, number])[]
    if (char === '[') {
      ranges = []
      let end = i + 1
      while (chars[end] !== ']') {
        if (chars[end] === undefined) fail(i, "set-open '[' with no closing ']'")
        const isEscape = chars[end] === '\\'
        const from = isEscape ? escaped(end) : chars[end]!.codePointAt(0)!
        end += isEscape ? 2 : 1
        let to = from
        if (chars[end] === '-' && chars[end + 1] !== ']' && chars[end + 1] !== undefined) {
          to = chars[end + 1]!.codePointAt(0)!
          end += 2
        }
        if (to < from) fail(i, 'range out of order')
        ranges.push([from, to])
      }
      i = end + 1
    } else if (char === ']') {
      throw fail(i + 1, "set-close ']' with no preceding '['")
    } else if (char === '*' || char === '+') {
      throw fail(i + 1, `flag '${char}' must be preceded by a token`)
    } else if (char === '.') {
      ranges = [ANY]
      i++
    } else if (char === '\\') {
      const point = escaped(i)
      ranges = [[point, point]]
      i += 2
    } else {
      const point = char.codePointAt(0)!
      ranges = [[point, point]]
      i++
    }
    const flag = chars[i]
    if (flag === '+') parts.push({ ranges, repeat: '' })
    parts.push({ ranges, repeat: flag === '*' || flag === '+' ? '*' : '' })
    if (flag === '*' || flag === '+') i++
  }
  return parts
}
