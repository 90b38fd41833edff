export { AnswerBudget } from './answer-budget.ts'
export { BodyBudget } from './body-budget.ts'
export { isDirectRequest } from './direct-request.ts'
export { RateLimiter, type RateClass } from './rate-limit.ts'
