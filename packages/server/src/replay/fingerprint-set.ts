const INITIAL_SLOTS = 8
/** Slots in use before the table doubles. */
const MAX_LOAD = 0.75

/** A set of 64-bit fingerprints (two unsigned 32-bit halves) in one typed array: open addressing, no deletion. */
export class FingerprintSet {
  #slots = new Uint32Array(2 * INITIAL_SLOTS)
  #size = 0

  get bytes(): number {
    return this.#slots.byteLength
  }

  get size(): number {
    return this.#size
  }

  /** Adds a fingerprint; returns false if it is present already. */
  add(high: number, low: number): boolean {
    // The pair of zeros marks a free slot.
    const lowPart = high === 0 && low === 0 ? 1 : low
    if (this.#size + 1 > (this.#slots.length / 2) * MAX_LOAD) this.#grow()
    if (!insert(this.#slots, high, lowPart)) return false
    this.#size++
    return true
  }

  /** Every fingerprint, as high half and low half in turn, in no particular order. */
  values(): Uint32Array {
    const values = new Uint32Array(2 * this.#size)
    let at = 0
    for (let i = 0; i < this.#slots.length; i += 2) {
      const [high, low] = [this.#slots[i]!, this.#slots[i + 1]!]
      if (high === 0 && low === 0) continue
      values[at++] = high
      values[at++] = low
    }
    return values
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] !== 0 || old[i + 1] !== 0) insert(this.#slots, old[i]!, old[i + 1]!)
    }
  }
}

function insert(slots: Uint32Array, high: number, low: number): boolean {
  const mask = slots.length / 2 - 1
  let slot = low & mask
  for (;;) {
    const i = 2 * slot
    if (slots[i] === 0 && slots[i + 1] === 0) {
      slots[i] = high
      slots[i + 1] = low
      return true
    }
    if (slots[i] === high && slots[i + 1] === low) return false
    slot = (slot + 1) & mask
  }
}
