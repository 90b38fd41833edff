/** One named step of a verification, with what was expected and what was found (text for people and programs; never secret). */
export type Check = { name: string; passed: boolean; expected?: string; found?: string; note?: string }
