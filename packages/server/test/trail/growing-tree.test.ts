import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leafHash, treeRoot } from '@vouchsafe/audit-log'
import { sha256 } from '../../src/foundation/index.ts'
import { GrowingTree } from '../../src/trail/growing-tree.ts'

test('a tree that grows entry by entry has the root of the whole tree, at every size', () => {
  const room = Buffer.from(`x${Array.from({ length: 300 }, (_, i) => `entry ${i}\n`).join('')}`)
  for (let size = 1; size <= 300; size++) {
    const tree = new GrowingTree()
    const hashes: Uint8Array[] = []
    for (let start = 1; hashes.length < size;) {
      const end = room.indexOf('\n', start)
      tree.add(room, start, end)
      hashes.push(leafHash(sha256, room.subarray(start, end)))
      start = end + 1
    }
    assert.equal(tree.size, size)
    assert.deepEqual(Buffer.from(tree.root()!), Buffer.from(treeRoot(sha256, hashes)), `${size} entries`)
  }
  assert.equal(room[0], 'x'.charCodeAt(0))
})

test('a tree without entries has no root', () => assert.equal(new GrowingTree().root(), undefined))
