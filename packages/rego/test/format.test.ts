import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compile, formatModule, parseModule, printModule, RegoError } from '../src/index.ts'

const SOURCE = `package a["b c"].d

import rego.v1
import data.x as y
import input.z

default p := false

p if {
	some i, v in z.list
	not v.off with input as {"a": {1, 2}} with data.q as 3
	x := [1 + 2 * 3, (1 + 2) * 3, -4, 1e30, "t\\n\\u0000\\u2028"]
	every k, w in x { k >= 0; w != "a" }
	{"k": [m, _]} = {"k": [i, 2]}
	-1 == m
	f(m)
} else := 7 if {
	count({n | n := y[_].deep["a-b"]}) > (1 in [true])
}

f(1) := "one"
f([a, {"b": b}]) := a | b
set.of.things contains [1] if true
set.of.things contains $"x {1 + 1} \\{ {[q | q := 1]}"
obj[k][v] := k if {some k; some v; z[k][v]}
not.a := set() if false
`

const strip = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, item: unknown) =>
      ['at', 'end', 'file', 'source', 'comments', 'packageAt', 'imports', 'assign', 'raw'].includes(key)
        ? undefined
        : typeof item === 'bigint'
          ? String(item)
          : item,
    ),
  )

test('formatting keeps the meaning: the syntax tree is the same', () => {
  const module = parseModule({ file: 'a', source: SOURCE })
  const again = parseModule({ file: 'a', source: formatModule(module) })
  const bodies = (rules: typeof module.rules) => strip(rules)
  assert.deepEqual(bodies(again.rules), bodies(module.rules))
  assert.deepEqual([again.package, again.imports.filter(({ path }) => path[0] !== 'rego').length], [module.package, 2])
})

test('formatting is stable, in both syntaxes', () => {
  for (const version of ['v0', 'v1'] as const) {
    const once = formatModule(parseModule({ file: 'a', source: SOURCE }), version)
    assert.equal(formatModule(parseModule({ file: 'a', source: once }, version), version), once)
  }
})

test('a translation to v0 and back gives the same results', () => {
  const source = 'package p\nimport rego.v1\nx contains y if some y in [1, 2]\nz[y] if y := 3\nw if { every v in x { v > 0 } }'
  const older = formatModule(parseModule({ file: 'a', source }), 'v0')
  const newer = formatModule(parseModule({ file: 'a', source: older }, 'v0'), 'v1')
  const results = [source, older, newer].map((text) => compile([{ file: 'a', source: text }]).evaluate({ query: 'data.p' }).result)
  assert.deepEqual(results[1], results[0])
  assert.deepEqual(results[2], results[0])
})

const PIECES = [
  'package p\n',
  'import rego.v1\n',
  'x',
  ' = ',
  ' := ',
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  ' if ',
  ' contains ',
  'some ',
  ' in ',
  'every ',
  'not ',
  ' with input as ',
  '.a',
  '"s"',
  '`r`',
  '$"{',
  '}"',
  '1',
  '-',
  '|',
  ',',
  ':',
  ';',
  '\n',
  '#c\n',
  'else',
  'default ',
  '_',
  'input',
  'data',
  'f(',
  'é',
  '\\',
  '"',
  '\0',
]

test('any text as source gives a policy or an error, and what parses formats stably', () => {
  const sources = fc.oneof(
    fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((parts) => `package p\n${parts.join('')}`),
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .tuple(fc.nat(SOURCE.length), fc.nat(20), fc.constantFrom(...PIECES))
      .map(([at, length, piece]) => SOURCE.slice(0, at) + piece + SOURCE.slice(at + length)),
  )
  fc.assert(
    fc.property(sources, (source) => {
      try {
        const module = parseModule({ file: 'a', source })
        const once = formatModule(module)
        assert.equal(formatModule(parseModule({ file: 'a', source: once }, module.version)), once)
        compile([{ file: 'a', source }]).evaluate({ query: 'data', limits: { milliseconds: 1000, steps: 100_000 } })
      } catch (error) {
        assert.ok(
          error instanceof RegoError || ['EvaluationError', 'LimitError'].includes((error as Error).name),
          String((error as Error).stack),
        )
      }
    }),
    { numRuns: 3000 },
  )
})

test('printing for people keeps comments, meaning and what is written over several lines, and is stable', () => {
  const commented = `# License.

# METADATA
# title: a
package a # here

import rego.v1 # there
# about
import data.b

# first
#second

default x := 1
y := {
	# inside
	"k": [1, 2], # two
	"l": \`raw\`,
	# last
}

x := 2 if { # opening
	# before
	every v in y.k { # all
		v > 0 # positive

		not v in [n |
			n := input.n # n
		]
	}
	z := 1
	-z == -1 with input as {"a": 1.0}
	# closing
} else := 3 if input.c # or
# between

p contains $"{1}" if ({1})
# end
`
  for (const source of [SOURCE, commented]) {
    const module = parseModule({ file: 'a', source })
    const text = printModule(module)
    const again = parseModule({ file: 'a', source: text })
    assert.equal(printModule(again), text)
    assert.equal(formatModule(again), formatModule(module))
    assert.deepEqual(
      again.comments.map((comment) => comment.text),
      module.comments.map((comment) => comment.text),
    )
  }
  const lines = printModule(parseModule({ file: 'a', source: commented })).split('\n')
  assert.ok(lines.includes('\t"k": [1, 2], # two') && lines.includes('\t\tv > 0 # positive') && lines.includes('x := 2 if { # opening'))
})
