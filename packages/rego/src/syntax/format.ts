import type { Module, Version } from './ast.ts'
export function formatModule(module: Module, _version: Version = module.version): string {
  return module.source
}
