/**
 * Goes on with a value at once if it is there, and otherwise once it is: what is in memory costs a request no promise.
 *
 * @example
 * onceThere(2, (value) => value + 1) // → 3
 */
export function onceThere<T, R>(value: T | Promise<T>, work: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(work) : work(value)
}
