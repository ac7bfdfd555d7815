import { bodies } from './bodies.ts'
import { play } from './stage.ts'

play('bodies', bodies)
