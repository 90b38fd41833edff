import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Rows a page at a time, so that a long list neither fills memory nor makes others wait: the embedded database's reads never wait for
 * anything, so other work runs between pages. No page is empty.
 *
 * @param size rows per page
 * @param read reads up to `limit` rows after the last one that was read, or from the start
 * @param maxRows the limit for all rows together: the page that reaches it is the last one read
 */
export async function* pages<Row>(
  size: number,
  read: (last: Row | null, limit: number) => Promise<Row[]>,
  maxRows = Infinity,
): AsyncGenerator<Row[]> {
  let last: Row | null = null
  for (let count = 0; count < maxRows; count += size) {
    if (count > 0) await nextTurn()
    const page: Row[] = await read(last, size)
    if (page.length > 0) yield page
    if (page.length < size) return
    last = page.at(-1)!
  }
}
