import { TpmError } from '../error.ts'

/** The names of the bits that are set, lowest first. Throws TpmError for a bit without a name: reserved ones must be clear. */
export function namesOfBits<Name extends string>(value: number, bits: Readonly<Record<Name, number>>, field: string): Name[] {
  const set = (Object.entries(bits) as [Name, number][]).filter(([, bit]) => ((value >>> bit) & 1) === 1)
  const reserved =
    (value ^
      bitsOfNames(
        set.map(([name]) => name),
        bits,
        field,
      )) >>>
    0
  if (reserved !== 0) throw new TpmError(`${field}: reserved bits 0x${reserved.toString(16).padStart(8, '0')} are set`, { field })
  return set.map(([name]) => name)
}

/** The 32-bit value in which the named bits are set. */
export function bitsOfNames<Name extends string>(names: readonly Name[], bits: Readonly<Record<Name, number>>, field: string): number {
  let value = 0
  for (const name of names) {
    if (!Object.hasOwn(bits, name)) throw new TpmError(`${field}: there is no attribute ${name}`, { field })
    value |= 1 << bits[name]
  }
  return value >>> 0
}
