import assert from 'node:assert/strict'
import { test } from 'node:test'
import { originTarget } from '../src/index.ts'

const target = (url: string, ...hosts: string[]): string | undefined =>
  originTarget({ url, httpVersion: '1.1', rawHeaders: ['Accept', '*/*', ...hosts.flatMap((host) => ['hOST', host])] })

test('a target in origin form is as it was, and so is the asterisk', () => {
  for (const url of ['/', '/ehsm?Action=Enroll', '//evil.example/', '/?http://evil.example', '*']) assert.equal(target(url, 'a'), url)
  assert.equal(target('/', ''), '/')
})

test('an absolute target that names the Host counts as its path and query (RFC 9112 §3.2.2)', () => {
  assert.equal(target('http://kms.example:9000/ehsm?Action=Enroll', 'KMS.example:9000'), '/ehsm?Action=Enroll')
  assert.equal(target('HTTPS://kms.example', 'kms.example:443'), '/')
  assert.equal(target('http://kms.example:80?a=b', 'kms.example'), '/?a=b')
  assert.equal(target('http://[::1]:9000/', '[::1]:9000'), '/')
})

test('two Hosts, equal ones too, and an absolute target of another host are refused (RFC 9112 §3.2)', () => {
  assert.equal(target('/', 'a', 'b'), undefined)
  assert.equal(target('/', 'a', 'a'), undefined)
  for (const url of [
    'http://b/',
    'http://a:81/',
    'http://a@b/',
    'http://b@a/',
    'http:///',
    'http://',
    'ftp://a/',
    'a',
    'a:80',
    '',
    'http://a#b',
  ]) {
    assert.equal(target(url, 'a'), undefined, url)
  }
})

test('HTTP/0.9 is refused', () => {
  assert.equal(originTarget({ url: '/', httpVersion: '0.9', rawHeaders: [] }), undefined)
})
