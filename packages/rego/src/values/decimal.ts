/** A decimal that a JavaScript number does not stand for: `coefficient × 10^exponent`, with a negative exponent and no trailing zero. */
export class Decimal {
  readonly coefficient: bigint
  readonly exponent: number

  constructor(coefficient: bigint, exponent: number) {
    this.coefficient = coefficient
    this.exponent = exponent
  }
}

export function isDecimal(value: unknown): value is Decimal {
  return value instanceof Decimal
}
