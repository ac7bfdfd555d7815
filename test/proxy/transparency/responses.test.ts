import { answers } from './responses.ts'
import { play } from './stage.ts'

play('answers', answers)
