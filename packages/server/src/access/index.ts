export { authorise, authoriseNode, mayChoosePolicies } from './authorise.ts'
export { systemCall, type Call, type SystemAction } from './call.ts'
export { ManifestGuard } from './manifest-guard.ts'
export {
  ANYBODY,
  ENROLLING,
  OPERATOR,
  operatorPrincipal,
  SYSTEM,
  appPrincipal,
  clientPrincipal,
  userPrincipal,
  type Principal,
} from './principal.ts'
export { APP_RIGHTS, NO_RIGHTS, OPERATOR_RIGHTS, ROLE_RIGHTS, type Right, type Rights, type Role } from './rights.ts'
