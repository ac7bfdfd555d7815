import { connections } from './connections.ts'
import { play } from './stage.ts'

play('connections', connections)
