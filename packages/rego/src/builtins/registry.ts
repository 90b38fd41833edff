/** All built-ins by name. */
import { collectionBuiltins } from './collections.ts'
import { comparisonBuiltins } from './comparison.ts'
import { cryptoBuiltins } from './crypto.ts'
import { encodingBuiltins } from './encoding.ts'
import { globBuiltins } from './glob.ts'
import { graphBuiltins } from './graph.ts'
import { patchBuiltins } from './json-patch.ts'
import { jwtBuiltins } from './jwt.ts'
import { kindBuiltins } from './kinds.ts'
import { miscBuiltins } from './misc.ts'
import { netBuiltins } from './net.ts'
import { numberBuiltins } from './numbers.ts'
import { objectBuiltins } from './objects.ts'
import { regexBuiltins } from './regex.ts'
import { schemaBuiltins } from './json-schema.ts'
import { stringBuiltins } from './strings.ts'
import { templateBuiltins } from './template.ts'
import { timeBuiltins } from './time.ts'
import type { BuiltinSpec } from './types.ts'
import { unitBuiltins } from './units.ts'
import { uriBuiltins } from './uri.ts'
import { x509Builtins } from './x509.ts'

const FAMILIES: readonly (readonly BuiltinSpec[])[] = [
  comparisonBuiltins,
  numberBuiltins,
  collectionBuiltins,
  kindBuiltins,
  objectBuiltins,
  stringBuiltins,
  encodingBuiltins,
  unitBuiltins,
  uriBuiltins,
  regexBuiltins,
  globBuiltins,
  timeBuiltins,
  netBuiltins,
  graphBuiltins,
  patchBuiltins,
  schemaBuiltins,
  templateBuiltins,
  cryptoBuiltins,
  x509Builtins,
  jwtBuiltins,
  miscBuiltins,
]

export const BUILTINS: ReadonlyMap<string, BuiltinSpec> = new Map(FAMILIES.flat().map((spec) => [spec.name, spec]))
