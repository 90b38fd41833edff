import type { Metric, Registry } from 'prom-client'

interface Series {
  labels: readonly string[]
  /** How many durations fall into each bucket; the last is for longer ones than any bound. */
  counts: Float64Array
  sum: number
}

interface Value {
  metricName: string
  labels: Record<string, string | number>
  value: number
}

/**
 * A histogram of durations in seconds with one or two labels, for what is measured with every request. Those of prom-client validate, sort and join the labels
 * each time; here it is a look-up or two.
 */
export class DurationHistogram {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, Map<string, Series>>()

  /** @param options as prom-client's; `buckets` are upper bounds in seconds, ascending */
  constructor(options: {
    name: string
    help: string
    labelNames: readonly string[]
    buckets: readonly number[]
    registers: readonly Registry[]
  }) {
    this.name = options.name
    this.help = options.help
    this.labelNames = options.labelNames
    this.#bounds = options.buckets
    // A registry asks its metrics for no more than what is here.
    for (const registry of options.registers) registry.registerMetric(this as unknown as Metric)
  }

  observe(seconds: number, first: string, second = ''): void {
    const series = this.#series.get(first)?.get(second) ?? this.#add(first, second)
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && seconds > bounds[bucket]!) bucket++
    series.counts[bucket]!++
    series.sum += seconds
  }

  #add(first: string, second: string): Series {
    const series = { labels: [first, second], counts: new Float64Array(this.#bounds.length + 1), sum: 0 }
    const others = this.#series.get(first)
    if (others) others.set(second, series)
    else this.#series.set(first, new Map([[second, series]]))
    return series
  }

  /** As prom-client's own histograms. */
  async get(): Promise<{ name: string; help: string; type: string; aggregator: string; values: Value[] }> {
    const { name, help, type, aggregator } = this
    const all = [...this.#series.values()].flatMap((series) => [...series.values()])
    return { name, help, type, aggregator, values: all.flatMap((series) => this.#valuesOf(series)) }
  }

  #valuesOf({ labels, counts, sum }: Series): Value[] {
    const shared = Object.fromEntries(this.labelNames.map((name, i) => [name, labels[i]!]))
    let count = 0
    const buckets = [...this.#bounds, '+Inf'].map((le, i) => {
      count += counts[i]!
      return { metricName: `${this.name}_bucket`, labels: { le, ...shared }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels: shared, value: sum },
      { metricName: `${this.name}_count`, labels: shared, value: count },
    ]
  }
}
