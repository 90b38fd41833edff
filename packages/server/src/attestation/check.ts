/** One named step of a verification, as explanations and token/verify show it. */
export type Check = { name: string; passed: boolean; expected?: string; found?: string; note?: string }
