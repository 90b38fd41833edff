// PostgreSQL's advisory locks that we use: any numbers, alike in nothing but their prefix. They belong to one database.

/** Held for life: shared by a server, exclusively by an operator command. */
export const PRESENCE_LOCK = 0x766f7563_0001
/** Held while the store is migrated or initialised. */
export const INIT_LOCK = 0x766f7563_0002
/** Held to the end of a transaction that counts the apps to add one. */
export const APP_COUNT_LOCK = 0x766f7563_0003
/** Held to the end of a transaction that counts the users to add one. */
export const USER_COUNT_LOCK = 0x766f7563_0004
/** Held to the end of a transaction by which the trail's tree grows. */
export const TRAIL_GROWTH_LOCK = 0x766f7563_0005
/** The first of two numbers; the second is a user's. Held to the end of a transaction that counts what a user has, to add to it. */
export const TENANT_LOCK = 0x766f7563
