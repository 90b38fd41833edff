type Promised<T> = { [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : T[K] }

/** An object whose every method returns or rejects a promise, also where it would return or throw at once. */
export function promised<T extends object>(object: T): Promised<T> {
  const get = (target: T, name: string) => {
    const method = target[name as keyof T] as (...args: unknown[]) => unknown
    return async (...args: unknown[]) => method.apply(target, args)
  }
  return new Proxy(object, { get } as ProxyHandler<T>) as Promised<T>
}
