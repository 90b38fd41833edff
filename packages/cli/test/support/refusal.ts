/** What the server in miniature answers with code 400. */
export class Refusal extends Error {}
