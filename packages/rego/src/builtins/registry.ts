/** All built-ins by name. */
import { comparisonBuiltins } from './comparison.ts'
import type { BuiltinSpec } from './types.ts'

const FAMILIES: readonly (readonly BuiltinSpec[])[] = [comparisonBuiltins]

export const BUILTINS: ReadonlyMap<string, BuiltinSpec> = new Map(FAMILIES.flat().map((spec) => [spec.name, spec]))
