import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Rows a page at a time, so that a long list neither fills memory nor keeps others waiting: reads of the embedded database don't wait for
 * anything, so others get their turn between pages. No page is empty.
 *
 * @param size rows of a page
 * @param read reads up to `limit` rows after the last one that was read, or from the start
 * @param maxRows how many rows there may be in all: the last page read is the one that reaches it
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
