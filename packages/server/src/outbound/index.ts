export { createOutbound } from './post.ts'
