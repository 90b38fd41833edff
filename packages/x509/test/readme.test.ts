import { readFileSync } from 'node:fs'
import { testReadmeExamples } from '@vouchsafe/testkit/readme-examples'

testReadmeExamples(readFileSync(new URL('../README.md', import.meta.url), 'utf8'), 1)
