import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUILTINS } from '../src/index.ts'
import { expression, failureOf, valueOf } from './support/evaluate.ts'

/** Expressions that are true. The vectors of OPA cover most built-ins; these are the others, after OPA's documentation. */
const TRUE: readonly string[] = [
  'strings.split_n("a.b.c", ".", 2) == ["a", "b"]; strings.split_n("a.b.c", ".", -2) == ["b", "c"]; strings.split_n("añb", "", 2) == ["a", "ñ"]',
  'uri.parse("HTTPS://me@a.test:8443/x%20y?q=1#f") == {"scheme": "https", "hostname": "a.test", "port": "8443", "path": "/x y", "raw_path": "/x y", "raw_query": "q=1", "fragment": "f"}',
  'uri.parse("mailto:a@b.test") == {"scheme": "mailto"}; uri.parse("http://[::1]:80/") == {"scheme": "http", "hostname": "::1", "port": "80", "path": "/", "raw_path": "/"}',
  'uri.is_valid("") == false; uri.is_valid("a b:c") == false; uri.is_valid("http://exa%6dple.com") == false; uri.is_valid(1) == false; uri.is_valid("/a?b#c")',
  'sprintf("%d %s %T %T %T", [123456789123456789123, 123456789123456789123, 1, 1.5, 123456789123456789123]) == "123456789123456789123 123456789123456789123 int64 float64 *big.Int"',
  'sprintf("%f", [123456789123456789123]) == "%!f(big.Int=123456789123456789123)"; sprintf("%5t|", [true]) == "%!t(string= true)|"; sprintf("%+v", [1]) == "1"; sprintf("%.3d", [5]) == "005"',
  'strings.replace_n({"": "X", "a": "Y"}, "ab") == "XYXbX"; replace("añ", "", "-") == "-a-ñ-"',
  'substring("abc", 9007199254740993, 1) == ""; substring("añ😀b", 1, 9007199254740993) == "ñ😀b"; array.slice([1, 2, 3], -9007199254740993, 2) == [1, 2]',
  'semver.is_valid("1.0.0-01") == false; semver.is_valid("v1.2.3"); semver.compare("1.0.0-alpha.2", "1.0.0-alpha.10") == -1',
  'uuid.parse("000003e8-48b9-21ee-b200-325096b39f47") == {"version": 2, "variant": "RFC4122", "nodeid": "32-50-96-b3-9f-47", "macvariables": "local:unicast", "time": 1693566990121469600, "clocksequence": 12800, "domain": "Person", "id": 1000}',
  'time.parse_duration_ns("1w2d") == 9 * 24 * 3600 * 1000000000; time.parse_duration_ns("1y1h") == (365 * 24 + 1) * 3600 * 1000000000',
  'net.cidr_merge(["192.0.128.0", "192.0.129.0"]) == {"192.0.128.0/23"}',
  'yaml.unmarshal("a: 0777\\nb: 0o17\\nc: yes\\nd: 1_000\\ne: 08") == {"a": 511, "b": 15, "c": "yes", "d": 1000, "e": 8}; yaml.unmarshal("a: &x {b: 1}\\nc: {<<: *x, d: 2}").c == {"b": 1, "d": 2}',
  'yaml.marshal({"a": "yes", "b": ["0777", "x: y", "a\\nb"], "n": {"k": [{"p": 1, "q": []}]}, "e": "é"}) == "a: \\"yes\\"\\nb:\\n  - \\"0777\\"\\n  - \'x: y\'\\n  - |-\\n    a\\n    b\\ne: é\\n\\"n\\":\\n  k:\\n    - p: 1\\n      q: []\\n"',
  'strings.render_template("{{.a}} {{.b}}", {"a": {"k": [1, "x"]}, "b": null}) == "map[k:[1 x]] <undefined>"',
  'array.slice([1, 2, 3, 4], 1, 3) == [2, 3]',
  'array.slice([1, 2], 5, 1) == []',
  'object.get({"a": {"b": [7]}}, ["a", "b", 0], 1) == 7',
  'object.get({"a": 1}, ["a", "b"], "no") == "no"',
  'object.subset({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [2]}})',
  'object.subset({1, 2, 3}, {2})',
  'object.subset([1, 2, 3], [2, 3])',
  'object.subset([1, 2, 3], {3, 1})',
  'object.subset([1, 2, 3], [1, 3]) == false',
  'union({{1}, {2, 3}}) == {1, 2, 3}',
  'intersection({{1, 2}, {2, 3}}) == {2}',
  'all([true, true]) == true; any({false}) == false',
  'cast_set([1, 1]) == {1}; cast_array({2, 1}) == [1, 2]; cast_string("a") == "a"',
  'type_name({1}) == "set"; type_name({}) == "object"',
  'format_int(255.9, 16) == "ff"; format_int(-8, 2) == "-1000"',
  'sprintf("%s %d %5.2f|%-4d|%04d|%x|%q|%v%%", ["a", 1, 2.345, 7, 7, 255, "z", {"k": [1]}]) == "a 1  2.35|7   |0007|ff|\\"z\\"|{\\"k\\": [1]}%"',
  'sprintf("%d", ["a"]) == "%!d(string=a)"; sprintf("%d", []) == "%!d(MISSING)"; sprintf("a", [1]) == "a%!(EXTRA int64=1)"',
  'sprintf("%[2]v %[1]v", [1, 2]) == "2 1"',
  'indexof_n("añaña", "ña") == [1, 3]; indexof("añb", "b") == 2; substring("añbc", 1, 2) == "ñb"',
  'trim(" .a. ", " .") == "a"; trim_left("xxa", "x") == "a"; replace("abab", "b", "-") == "a-a-"',
  'strings.count("cheese", "e") == 3; strings.reverse("añ") == "ña"',
  'count("añ🥲") == 3; upper("añ") == "AÑ"',
  '"ﬀ" < "🥲"; "a" < "b"; [1] < {"a": 1}; {"a": 1} < {1}; null < false; true < 0; 9 < "a"',
  'regex.replace("a1b22", "[0-9]+", "<$0>") == "a<1>b<22>"; regex.replace("ab", "(?P<x>a)", "${x}${x}") == "aab"',
  'regex.find_n("a+", "aa b a", 1) == ["aa"]; regex.split("x*", "axbxc") == ["a", "b", "c"]',
  'regex.match("(?i)^ABC$", "abc"); regex.is_valid("(?=a)") == false',
  'regex.template_match("urn:foo:{.*}", "urn:foo:bar:baz", "{", "}")',
  'glob.match("a?c", null, "abc"); glob.match("*", null, "a.b"); glob.match("a{b,[!c]}d", [], "axd"); glob.quote_meta("*.a") == "\\\\*.a"',
  'time.diff(time.parse_rfc3339_ns("2021-03-31T00:00:00Z"), time.parse_rfc3339_ns("2022-05-01T01:02:03Z")) == [1, 1, 1, 1, 2, 3]',
  'time.format([1700000000000000000, "America/New_York", "Mon Jan _2 15:04:05 MST 2006"]) == "Tue Nov 14 17:13:20 EST 2023"',
  'time.format([1700000000123000000, "Europe/Paris"]) == "2023-11-14T23:13:20.123+01:00"; time.format([0, "", "RFC1123"]) == "Thu, 01 Jan 1970 00:00:00 UTC"',
  'time.parse_ns("02 Jan 06 15:04 -0700", "05 Mar 21 04:05 +0130") == time.parse_rfc3339_ns("2021-03-05T02:35:00Z")',
  'time.parse_ns("2006-01-02 03:04 PM", "2020-02-29 12:30 AM") == time.parse_rfc3339_ns("2020-02-29T00:30:00Z")',
  'time.add_date(time.parse_rfc3339_ns("2020-01-31T00:00:00Z"), 0, 1, 0) == time.parse_rfc3339_ns("2020-03-02T00:00:00Z")',
  'time.parse_duration_ns("1h15m30.5s") == 4530500000000; time.parse_duration_ns("-1.5ms") == -1500000',
  'crypto.sha1("a") == "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"; crypto.md5("") == "d41d8cd98f00b204e9800998ecf8427e"',
  'uuid.parse("00000000-0000-4000-8000-000000000000") == {"version": 4, "variant": "RFC4122"}',
  'uuid.parse("6fa459ea-ee8a-11e0-a5a4-0002a5d5c51b").version == 1; uuid.parse("6fa459ea-ee8a-11e0-a5a4-0002a5d5c51b").nodeid == "00-02-a5-d5-c5-1b"',
  'regex.match("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", uuid.rfc4122("k")); uuid.rfc4122("k") == uuid.rfc4122("k")',
  'rand.intn("a", 10) < 10; rand.intn("a", 0) == 0',
  'semver.compare("1.0.0-alpha.1", "1.0.0-alpha.beta") == -1; semver.compare("1.0.0", "1.0.0-rc.1") == 1; semver.is_valid("1.2") == false',
  'units.parse("1.5K") == 1500; units.parse("10m") == 0.01; units.parse("1Mi") == 1048576; units.parse_bytes("1.5KiB") == 1536',
  'net.cidr_merge(["192.0.128.0/24", "192.0.129.0/24", "10.0.0.0/8", "10.1.0.0/16"]) == {"192.0.128.0/23", "10.0.0.0/8"}',
  'net.cidr_intersects("10.0.0.0/8", "10.1.0.0/24"); net.cidr_is_valid("::/129") == false; net.cidr_contains("::ffff:0:0/96", "::ffff:1.2.3.4")',
  'json.filter({"a": {"b": 1, "c": [1, 2]}, "d": 4}, ["a/c/0", "d"]) == {"a": {"c": [1]}, "d": 4}',
  'json.remove({"a": {"b": 1, "c~/": 2}}, ["a/c~0~1"]) == {"a": {"b": 1}}',
  'json.patch({"a": {"foo": 1}}, [{"op": "add", "path": "/a/bar", "value": 2}, {"op": "replace", "path": "a/foo", "value": 3}, {"op": "test", "path": "a/foo", "value": 3}, {"op": "copy", "from": "a/foo", "path": "b"}]) == {"a": {"bar": 2, "foo": 3}, "b": 3}',
  'json.patch([1, 2], [{"op": "add", "path": "-", "value": 3}, {"op": "remove", "path": "0"}]) == [2, 3]',
  'json.marshal_with_options({"a": [1]}, {"indent": " "}) == "{\\n \\"a\\": [\\n  1\\n ]\\n}"; json.is_valid("{") == false',
  'yaml.unmarshal("a: [1, b]\\nc: 12345678901234567890\\n") == {"a": [1, "b"], "c": 12345678901234567890}; yaml.is_valid("a: [") == false',
  'base64.is_valid("a") == false; base64url.decode("_-8") != ""; hex.decode("6869") == "hi"; base64url.encode("?>") == "Pz4="',
  'urlquery.encode("a b&ñ=/~") == "a+b%26%C3%B1%3D%2F~"; urlquery.decode("a+b%26") == "a b&"; urlquery.encode_object({"a": ["1", "2"], "b": "x y"}) == "a=1&a=2&b=x+y"; urlquery.decode_object("a=1&a=2&b") == {"a": ["1", "2"], "b": [""]}',
  'graph.reachable({"a": ["b"], "b": [], "c": ["a"]}, {"a"}) == {"a", "b"}; graph.reachable_paths({"a": ["b"], "b": ["c"], "c": []}, ["a"]) == {["a", "b", "c"]}',
  'numbers.range(3, 1) == [3, 2, 1]; numbers.range_step(0, 10, 4) == [0, 4, 8]; bits.lsh(1, 70) == 1180591620717411303424',
  'rem(7, 3) == 1; rem(-5, 3) == -2; abs(-3.5) == 3.5; round(-2.5) == -3; ceil(1.1) == 2',
  'max([1, "a", null]) == "a"; min({3, 1}) == 1; sum([0.1, 0.2]) == 0.3; product({2, 3}) == 6; sort({3, 1}) == [1, 3]',
  'opa.runtime() == {}',
  'strings.render_template("{{.name}}: {{range $i, $v := .list}}{{if $i}}, {{end}}{{$v}}{{else}}none{{end}}", {"name": "a", "list": [1, 2]}) == "a: 1, 2"',
  'strings.render_template("{{- if and .a (eq .b.c 2) -}} yes {{- else -}} no {{- end }} {{ printf \\"%03d\\" .b.c }} {{ len .l }} {{ index .l 0 }}", {"a": true, "b": {"c": 2}, "l": ["x"]}) == "yes 002 1 x"',
  'strings.render_template("{{with .a}}{{.b}}{{end}}{{/* c */}}{{ .a.b | printf \\"<%v>\\" }}", {"a": {"b": 1}}) == "1<1>"',
  'json.match_schema({"a": 1}, {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}) == [true, []]',
  'json.match_schema("[1, 1]", {"uniqueItems": true})[0] == false',
  'json.match_schema({"n": {"n": {}}}, {"$ref": "#/definitions/t", "definitions": {"t": {"properties": {"n": {"$ref": "#/definitions/t"}}, "additionalProperties": false}}})[0] == true',
  'json.match_schema({"k": 5}, {"properties": {"k": {"oneOf": [{"minimum": 3}, {"multipleOf": 5}]}}})[0] == false',
  'rego.parse_module("a.rego", "package a.b").package.path[2] == {"type": "string", "value": "b"}',
  'count([p | walk({"a": [1]}, [p, _])]) == 3',
]

for (const text of TRUE) {
  test(text.length > 100 ? `${text.slice(0, 97)}…` : text, () => {
    assert.equal(valueOf(`x if {\n${text.split(/; (?=[a-z"0-9-])/).join('\n')}\n}`), true)
  })
}

test('errors of a schema name the field and the kind of the fault', () => {
  const schema = '{"properties": {"id": {"type": "integer"}}, "required": ["name"]}'
  assert.deepEqual(expression(`json.match_schema({"id": "5"}, ${schema})`), [
    false,
    [
      {
        error: 'id: Invalid type. Expected: integer, given: string',
        type: 'invalid_type',
        field: 'id',
        desc: 'Invalid type. Expected: integer, given: string',
      },
      { error: '(root): name is required', type: 'required', field: '(root)', desc: 'name is required' },
    ],
  ])
})

test('schemas reach nothing outside themselves', () => {
  const [valid, message] = expression('json.verify_schema({"$ref": "http://example.com/a.json"})') as [boolean, string]
  assert.equal(valid, false)
  assert.match(message, /remote reference loading disabled/)
})

test('a template’s missing field is <undefined>, a field of what is no object an error', () => {
  assert.equal(expression('strings.render_template("{{.a}}", {})'), '<undefined>')
  assert.equal(failureOf('x := strings.render_template("{{.a.b}}", {})').code, 'eval_builtin_error')
})

test('http.send and names of hosts are not available, but can be replaced', () => {
  assert.match(failureOf('x := http.send({"method": "get", "url": "http://a"})').message, /not available/)
  assert.equal(failureOf('x := net.lookup_ip_addr("example.com")').code, 'eval_builtin_error')
  assert.equal(
    valueOf('y := http.send({"method": "get", "url": "a"}).status\nx := z if z := y with http.send as {"body": 1, "status": 200}'),
    200,
  )
})

test('every documented built-in is there but those that are left out', () => {
  const missing = [
    'http.send',
    'graph.reachable',
    'io.jwt.verify_eddsa',
    'rego.metadata.chain',
    'json.verify_schema',
    'net.cidr_expand',
  ].filter((name) => !BUILTINS.has(name))
  assert.deepEqual(missing, [])
  assert.equal(
    [...BUILTINS.keys()].some((name) => /^(graphql|providers)\./.test(name)),
    false,
  )
})
