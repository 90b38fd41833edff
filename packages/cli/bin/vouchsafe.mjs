#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { launch } from './launch.mjs'

// A server's live data is a few tens of megabytes. Left alone, V8 and the allocator let garbage grow to several times that before they look.
const MEMORY = ['--max-semi-space-size=4', '--max-old-space-size=1024']

launch(
  ['--disable-warning=ExperimentalWarning', ...MEMORY, fileURLToPath(new URL('../src/main.ts', import.meta.url)), ...process.argv.slice(2)],
  { MALLOC_ARENA_MAX: '2' },
)
