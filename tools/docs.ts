// `npm run docs`: writes the tables that the documentation derives from the code between their markers. A test fails when they are out of date.
import { readFileSync, writeFileSync } from 'node:fs'
import { derivedSections, withSections } from './doc-tables.ts'

for (const [file, sections] of Object.entries(derivedSections())) writeFileSync(file, withSections(readFileSync(file, 'utf8'), sections))
