import { testReadmeExamples } from '@vouchsafe/testkit/readme-examples'

testReadmeExamples(import.meta.url, 1)
