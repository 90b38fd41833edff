/** The server does every operation that the shared table describes, each once, and no other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EHSM, GTA } from '@vouchsafe/operations'
import { OPERATIONS, OPERATIONS_BY_ACTION } from '../src/ehsm/operations.ts'
import { OPERATIONS as AUTHORITY_OPERATIONS } from '../src/gta/operations.ts'

test('every operation that is described is done, once', () => {
  const described = (table: object) => Object.values(table).map(({ name }: { name: string }) => name)
  assert.deepEqual(OPERATIONS.map(({ name }) => name).sort(), described(EHSM).sort())
  assert.deepEqual(AUTHORITY_OPERATIONS.map(({ name }) => name).sort(), described(GTA).sort())
})

test('the spelling that the client sends is one that the server takes', () => {
  for (const [action, { name }] of Object.entries(EHSM)) assert.equal(OPERATIONS_BY_ACTION.get(action)?.name, name)
  for (const [name, operation] of Object.entries(GTA)) assert.equal(operation.name, name)
})
