// The names, help texts and labels of the metrics, and that counters follow their sources.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics, type ProcessMetricSources, type ThreadMetricSources } from '../../src/process/metrics.ts'

const HISTOGRAM_PARTS = /_(?:bucket|sum|count)$/
/** Labels whose values would grow with the number of users, or tell about them. */
const PERSONAL = /^(?:app|key|user|secret|node|client|tenant)_?(?:id)?$/i
/** First words of a sentence or of what only makes sense after the line above. */
const NO_NOUN = /^(?:Those|That|What|Times|Whether|Where|How|When|Counts?|Number of times|\d)\b/

/** Sources whose every number is `n.value`. */
function uniformSources(n: { value: number }): ProcessMetricSources & ThreadMetricSources {
  const numbers: Record<string, unknown> = new Proxy({}, { get: () => n.value })
  const groups = new Proxy({}, { get: () => numbers })
  const read = (_target: object, name: string) => {
    if (name === 'authority') return () => groups
    if (name === 'witnesses') return () => ({ cosigned: [n.value], failures: n.value, contradicting: [n.value > 0] })
    return () => (['appCache', 'dataKeys', 'cryptoQueue', 'collateralDaysLeft'].includes(name) ? n.value : numbers)
  }
  return new Proxy({}, { get: read }) as ProcessMetricSources & ThreadMetricSources
}

function connectedMetrics(n = { value: 1 }) {
  const metrics = new Metrics()
  metrics.connectThread(uniformSources(n))
  metrics.connectProcess(uniformSources(n))
  metrics.observeRequest('Encrypt', 200, 0.001)
  metrics.observeAuthorityRequest('Attest', 200, 0.001)
  metrics.observeStorage('insertKey', 0.001, true)
  metrics.countUpperCase()
  return metrics.registry
}

test('names and types agree: counters and only they end in _total', async () => {
  const metrics = await connectedMetrics().getMetricsAsJSON()
  assert.ok(metrics.length > 45)
  for (const { name, type } of metrics) {
    assert.match(name, /^(?:vouchsafe|process)_[a-z]+(?:_[a-z]+)*$/)
    assert.equal(name.endsWith('_total'), String(type) === 'counter', `${name} is a ${type}`)
    assert.doesNotMatch(name, HISTOGRAM_PARTS)
    if (String(type) === 'histogram') assert.match(name, /_seconds$/)
  }
})

test('help texts are noun phrases that stand alone', async () => {
  const helps = (await connectedMetrics().getMetricsAsJSON()).map(({ help }) => help)
  for (const help of helps) {
    assert.match(help, /^[A-Z][^.]*[^.\s]\.$/)
    assert.doesNotMatch(help, NO_NOUN)
    assert.doesNotMatch(help, /since (?:the )?start/i)
  }
  assert.equal(new Set(helps).size, helps.length, 'no two say the same')
})

test('no label names an app, a key or a user', async () => {
  const registry = connectedMetrics()
  for (const metric of registry.getMetricsAsArray()) {
    const { name, labelNames } = metric as unknown as { name: string; labelNames: string[] }
    assert.ok(Array.isArray(labelNames))
    for (const label of labelNames) assert.doesNotMatch(label, PERSONAL, name)
  }
  for (const { values } of await registry.getMetricsAsJSON()) {
    for (const { labels } of values) for (const label of Object.keys(labels)) assert.doesNotMatch(label, PERSONAL)
  }
})

test('counters show what their sources have counted, however often they are read', async () => {
  const n = { value: 3 }
  const registry = connectedMetrics(n)
  const shown = async (name: string) => (await registry.getSingleMetric(name)!.get()).values.map(({ value }) => value)
  const counters = (await registry.getMetricsAsJSON()).filter(({ name, type, values }) => {
    // One with labels shows nothing before it has counted.
    return (
      String(type) === 'counter' &&
      values.length > 0 &&
      values.every(({ labels }) => Object.keys(labels).length === 0) &&
      !name.includes('upper_case')
    )
  })
  assert.ok(counters.length >= 15)
  for (const value of [3, 3, 7]) {
    n.value = value
    for (const { name } of counters) assert.deepEqual(await shown(name), [value], name)
  }
})
