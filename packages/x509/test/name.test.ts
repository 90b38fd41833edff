import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TAG } from '@vouchsafe/der'
import { encodeDer, oid, sequence, setOf, utf8String } from '@vouchsafe/der/writer'
import { attributeOf, nameFromText, namesEqual, parseName, X509Error } from '../src/index.ts'
import { openssl, pem, refused, rootCa, workFolder } from './pki.ts'

const file = workFolder()
const CN = '2.5.4.3'

function nameOf(...values: Buffer[]): Buffer {
  return sequence(...values.map((value) => setOf(sequence(oid(CN), value))))
}

test('attributes keep their order and have the short and long names of OpenSSL', () => {
  const name = parseName(nameFromText('C=CN,O=My Organization,CN=TPM AK'))
  assert.deepEqual(
    name.attributes.map(({ shortName, longName, value, rdn }) => [shortName, longName, value, rdn]),
    [
      ['C', 'countryName', 'CN', 0],
      ['O', 'organizationName', 'My Organization', 1],
      ['CN', 'commonName', 'TPM AK', 2],
    ],
  )
  assert.equal(name.text, 'C=CN, O=My Organization, CN=TPM AK')
  assert.equal(attributeOf(name, 'CN'), 'TPM AK')
  assert.equal(attributeOf(name, 'OU'), undefined)
})

test('a name of more than 64 KiB is refused before its text is looked at', () => {
  assert.throws(() => parseName(nameOf(utf8String('\u0001'.repeat(65_536)))), refused('limit', /^name: more than 65536 bytes$/))
  assert.equal(parseName(nameOf(utf8String('x'.repeat(65_000)))).attributes.length, 1)
})

test('OpenSSL shows the name that the text asked for', async () => {
  const text = 'C=DE,ST=Bayern,L=München,O=Example\\, Ltd.,OU=a+OU=b,emailAddress=a@example.org,serialNumber=1,DC=example,CN=x\\=y \\+ z'
  const { certificate } = await rootCa(text)
  const shown = openssl('x509', '-in', file('name.pem', pem(certificate)), '-noout', '-subject', '-nameopt', 'sep_comma_plus,sname,utf8')
  const expected = 'C=DE,ST=Bayern,L=München,O=Example, Ltd.,OU=a+OU=b,emailAddress=a@example.org,serialNumber=1,DC=example,CN=x=y + z'
  assert.equal(shown.trim(), `subject=${expected}`)
})

test('text that is shown gives the same name when read again', () => {
  const value = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((text) => text.isWellFormed())
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) => {
      const name = parseName(nameOf(...values.map(utf8String)))
      const again = parseName(nameFromText(name.text))
      assert.deepEqual(again.raw, name.raw)
    }),
  )
})

test('control characters and directions are escaped where a name is shown', () => {
  assert.equal(parseName(nameOf(utf8String('a\u0000\nb\u202e'))).text, 'CN=a\\00\\0ab\\e2\\80\\ae')
})

test('names are equal whatever the kind of string, the case and the spaces', () => {
  const utf8 = parseName(nameOf(utf8String('Vouchsafe  Root')))
  const printable = parseName(nameOf(encodeDer(TAG.printableString, Buffer.from(' vouchsafe ROOT '))))
  const bmp = parseName(nameOf(encodeDer(TAG.bmpString, Buffer.from('Vouchsafe Root', 'utf16le').swap16())))
  const universal = parseName(
    nameOf(encodeDer(TAG.universalString, Buffer.concat([...'Vouchsafe Root'].map((c) => Buffer.of(0, 0, 0, c.charCodeAt(0)))))),
  )
  for (const other of [printable, bmp, universal]) assert.ok(namesEqual(utf8, other))
})

test('names differ by order, by attribute, by how they are grouped and by value', () => {
  const base = parseName(nameFromText('O=a,CN=b'))
  for (const other of ['CN=b,O=a', 'OU=a,CN=b', 'O=a+CN=b', 'O=a', 'O=a,CN=b,CN=b', 'O=a,CN=b c', ''])
    assert.ok(!namesEqual(base, parseName(nameFromText(other))), other)
})

test('a value that contains separators is not the name that it looks like', () => {
  assert.ok(!namesEqual(parseName(nameFromText('O=a\\, CN=b')), parseName(nameFromText('O=a,CN=b'))))
})

test('the order inside a multi-valued relative name does not matter', () => {
  assert.ok(namesEqual(parseName(nameFromText('CN=a+O=b')), parseName(nameFromText('O=b+CN=a'))))
})

test('an attribute of unknown type goes by its identifier, a value that is no string by its DER', () => {
  const name = parseName(sequence(setOf(sequence(oid('1.2.3.4'), encodeDer(TAG.octetString, Buffer.of(1, 2))))))
  assert.equal(name.text, '1.2.3.4=#04020102')
  assert.deepEqual(name.attributes[0], { oid: '1.2.3.4', shortName: '1.2.3.4', longName: '1.2.3.4', value: '#04020102', rdn: 0 })
  assert.notEqual(name.text, parseName(sequence(setOf(sequence(oid('1.2.3.4'), utf8String('#04020102'))))).text)
})

test('the empty name is one', () => {
  const empty = parseName(nameFromText(''))
  assert.deepEqual(empty.attributes, [])
  assert.equal(empty.text, '')
})

test('names are refused: an empty set, strings that are not what they say, too many attributes', () => {
  const cases: [Buffer, RegExp][] = [
    [sequence(setOf()), /ends too early/],
    [nameOf(encodeDer(TAG.utf8String, Buffer.of(0xc3, 0x28))), /utf-8/],
    [nameOf(encodeDer(TAG.bmpString, Buffer.of(0xd8, 0))), /utf-16be/],
    [nameOf(encodeDer(TAG.bmpString, Buffer.of(0))), /utf-16be/],
    [nameOf(encodeDer(TAG.universalString, Buffer.of(0, 0x11, 0, 0))), /utf-32be/],
    [nameOf(encodeDer(TAG.universalString, Buffer.of(0))), /utf-32be/],
    [nameOf(encodeDer(TAG.printableString, Buffer.of(0xe9))), /ASCII/],
  ]
  for (const [der, message] of cases) assert.throws(() => parseName(der), refused('malformed', message))
  assert.throws(() => parseName(nameOf(...Array.from({ length: 129 }, () => utf8String('a')))), refused('limit', /128 attributes/))
})

test('text is refused that is no name', () => {
  for (const text of ['CN', 'CN=', 'XY=a', 'CN=a,', 'C=é', '=a']) assert.throws(() => nameFromText(text), X509Error, text)
})
