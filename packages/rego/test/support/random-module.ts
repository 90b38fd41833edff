/**
 * Random modules in v1, each the same for the same number: rules, functions, comprehensions, negations and calls of built-ins over a small input.
 * Most are accepted, and most of their values defined. `recorded/` has what OPA answers to them.
 */
export interface RandomCase {
  module: string
  input: unknown
}

type Random = (below: number) => number

/** A generator of Marsaglia's xorshift kind: the same numbers on every machine. */
function randomFrom(seed: number): Random {
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

/** Patterns by the kind of their value: a letter behind a dollar sign is another of that kind, `A` any. OPA refuses constants of wrong kinds. */
const PATTERNS: Readonly<Record<string, readonly string[]>> = {
  N: `0|1|-2|3|10|abs($N)|round($N)|$N + $N|$N - $N|$N * $N|$N % $N|$N / $N|count($L)|count($T)|count($O)|sum($L)|product($L)|to_number($T)|ceil($N)
    bits.and($N, $N)|bits.lsh($N, 3)|indexof($T, $T)|strings.count($T, $T)|max([$N, $N])|time.parse_duration_ns($T)|semver.compare("1.0.0-a.1", $T)`.split(
    /[|\n]/,
  ),
  T: `"a"|"b"|"ab,c"|"é😀"|""|"12"|concat(",", $L)|upper($T)|replace($T, $T, $T)|substring($T, $N, $N)|trim($T, $T)|sprintf("%v %v", [$A, $A])|trim_space($T)
    sprintf("%s~%d", [$T, $N])|format_int($N, 16)|strings.reverse($T)|type_name($A)|base64.encode($T)|hex.encode($T)|urlquery.encode($T)|json.marshal($A)
    trim_left($T, $T)|trim_suffix($T, $T)|lower($T)|crypto.md5($T)|$"{$A}"|strings.replace_n({"a": "x", "b": $T}, $T)|regex.replace($T, "[ab]", $T)
    yaml.marshal($O)|base64url.encode_no_pad($T)|strings.render_template("{{.x}}", {"x": $A})`.split(/[|\n]/),
  L: `[$A, $A]|[]|split($T, $T)|array.concat($L, $L)|array.slice($L, $N, $N)|sort($L)|numbers.range($N, $N)|indexof_n($T, $T)|regex.find_n("[a-z]", $T, -1)
    strings.split_n($T, $T, $N)|array.reverse($L)|regex.split("b", $T)|array.flatten([$L, $L])|time.date($N)`.split(/[|\n]/),
  S: `{$A, $A}|$S - $S|object.keys($O)|union({{1}, $S})|intersection({$S, $S})|graph.reachable({"a": ["b"], "b": []}, [$A])|net.cidr_merge(["10.0.0.0/9", "10.128.0.0/9"])`.split(
    '|',
  ),
  O: `{"x": $A, "y": $A}|object.union($O, $O)|object.remove($O, $L)|object.filter($O, $L)|{"k": $A}|json.filter($O, ["k"])|json.remove($O, ["k", "l/m"])
    urlquery.decode_object($T)|uri.parse($T)|object.union_n([$O, $O])|json.patch($O, [{"op": "add", "path": "/z", "value": $A}])`.split(
    /[|\n]/,
  ),
  A: `$N|$T|$L|$S|$O|true|false|null|object.get($O, $T, $A)|f($A)|g($A, $A)|json.unmarshal($T)|yaml.unmarshal($T)|input.n|input.s`.split(
    '|',
  ),
  B: `$I == $A|$A != $A|$A < $A|$A >= $A|$A in $L|$A in $S|startswith($T, $T)|contains($T, $T)|is_string($A)|regex.match("^[a-c]+$", $T)|glob.match("*b*", [], $T)
    any($L)|json.is_valid($T)|net.cidr_is_valid($T)|object.subset($O, $O)|strings.any_prefix_match($T, $T)|not $I == $A|not startswith($T, $T)|not f($A)|not $I
    not g($I, $A)|$I|every e in $L { e != $A }|not $A in $L|yaml.is_valid($T)|semver.is_valid($T)|regex.is_valid($T)`.split(/[|\n]/),
  I: `input.n|input.s|input.list|input.obj|input.obj.k|input.list[0]|input.missing|input.nested.a.b|input.texts[1]|input.obj[input.s]`.split(
    '|',
  ),
}
/** Chances that any kind is read from the input, whose kinds OPA does not know. */
const FROM_INPUT = 3

export function randomCase(number: number): RandomCase {
  const random = randomFrom(number + 1)
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!
  let variables: string[] = []
  let names = 0

  const fill = (pattern: string, depth: number): string =>
    pattern.trim().replace(/\$([NTLSOAIB])/g, (_, kind: string) => term(kind, depth - 1))
  const closure = (kind: string, depth: number): string => {
    const outer = variables
    variables = [...variables, `v${names++}`]
    const name = variables.at(-1)!
    const condition = random(2) === 0 ? '' : `; ${fill(pick(PATTERNS['B']!.slice(0, 8)), depth)}`
    const head = random(2) === 0 ? name : term('A', depth - 1)
    const domain =
      outer.length > 0 && random(3) === 0 ? pick(outer) : pick(['input.list', 'input.texts', 'input.obj', '[1, 2, 3]', '{"a", "b"}'])
    const inner = `some ${name} in ${domain}${condition}`
    variables = outer
    return kind === 'L' ? `[${head} | ${inner}]` : kind === 'S' ? `{${head} | ${inner}}` : `{${name}: ${head} | ${inner}}`
  }
  const term = (kind: string, depth: number): string => {
    if (kind !== 'B' && random(FROM_INPUT) === 0) return variables.length > 0 && random(2) === 0 ? pick(variables) : pick(PATTERNS['I']!)
    if (depth > 0 && 'LSO'.includes(kind) && random(5) === 0) return closure(kind, depth)
    const patterns = PATTERNS[kind]!
    const flat = patterns.filter((each) => !each.includes('$'))
    if (depth <= 0) return flat.length > 0 ? pick(flat).trim() : pick(PATTERNS['I']!)
    return fill(pick(patterns), depth)
  }
  const condition = (depth: number): string => {
    if (random(5) > 0) return fill(pick(PATTERNS['B']!), depth)
    const domain = term(pick(['L', 'S', 'O']), depth - 1)
    variables.push(`v${names++}`)
    return `some ${variables.at(-1)!} in ${domain}`
  }
  const body = (): string => Array.from({ length: 1 + random(3) }, () => `\t${condition(2)}\n`).join('')
  const inScope = (own: readonly string[], make: () => string): string => {
    variables = [...own]
    const text = make()
    variables = []
    return text
  }
  const rules = [
    inScope([], () => `r0 := ${term('A', 2)}`),
    inScope(['a'], () => `f(a) := ${term('A', 2).replaceAll(/[fg]\(/g, 'count(')}${random(2) === 0 ? '' : ` if {\n${body()}}`}`),
    inScope(['a', 'b'], () => `g(a, b) := ${pick(['a', 'b', '[a, b]'])} if {\n${body()}}`),
    inScope([], () => {
      const conditions = body()
      return `r1 := ${variables.length > 0 ? pick(variables) : term('A', 1)} if {\n${conditions}}${random(2) === 0 ? '' : ` else := ${pick(['1', '"e"', 'null'])}`}`
    }),
    inScope([], () => {
      const conditions = body()
      return `r2 contains ${variables.length > 0 ? pick(variables) : term('A', 1)} if {\n${conditions}}`
    }),
  ]
  // Nothing refers to itself: functions may use `r0`, which may not call them.
  const module = `package p\n\n${rules.join('\n\n')}\n\nx["r0"] := r0\n\nx["r1"] := r1\n\nx["r2"] := r2\n`
  const input = {
    n: random(12) - 3,
    s: pick(['abc', 'a,b', '', 'éa', '12']),
    list: pick([[1, 2, 3], [3, 'a', null], [], [0, -1, 10]]),
    obj: pick([{ k: 1, l: 'b' }, { k: 'a' }, {}, { k: [1], l: { m: 2 } }]),
    nested: { a: { b: pick([1, 'a', null]) } },
    texts: pick([
      ['a', 'b', 'ab'],
      ['x', 'é'],
      ['1', '2'],
    ]),
  }
  return { module, input }
}
