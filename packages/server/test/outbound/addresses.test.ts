import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressKind, isAllowed, type AddressKind } from '../../src/outbound/addresses.ts'

const KINDS: Record<AddressKind, string[]> = {
  public: [
    '1.1.1.1',
    '8.8.8.8',
    '172.15.255.255',
    '172.32.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '2606:4700::1111',
    '2a00:1450::8',
    '2001:4860:4860::8888',
  ],
  private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fd12:3456::1', 'fc00::1'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1'],
  forbidden: [
    // metadata services of clouds
    '169.254.169.254',
    'fd00:ec2::254',
    'fd20:ce::254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    // link-local, unspecified, multicast, broadcast, reserved, documentation, benchmarks
    '169.254.0.1',
    'fe80::1',
    'fe80::1%eth0',
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '224.0.0.1',
    'ff02::1',
    '255.255.255.255',
    '240.0.0.1',
    '192.0.2.1',
    '198.51.100.7',
    '203.0.113.9',
    '2001:db8::1',
    '198.18.0.1',
    // addresses that hold another one: mapped, compatible, NAT64, 6to4, Teredo
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '::FFFF:7f00:1',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001:0:4136:e378::1',
    'fec0::1',
    // no addresses
    '',
    'localhost',
    '127.1',
    '0x7f000001',
    '1.2.3.4.5',
    '[::1]',
  ],
}

for (const [kind, addresses] of Object.entries(KINDS)) {
  test(`${kind} addresses`, () => {
    for (const address of addresses) assert.equal(addressKind(address), kind, address)
  })
}

test('each setting allows what it names and what comes before', () => {
  const reach = (networks: 'public' | 'private' | 'loopback') =>
    ['8.8.8.8', '10.0.0.1', '127.0.0.1', '169.254.169.254'].map((address) => isAllowed(address, networks))
  assert.deepEqual(reach('public'), [true, false, false, false])
  assert.deepEqual(reach('private'), [true, true, false, false])
  assert.deepEqual(reach('loopback'), [true, true, true, false])
})
