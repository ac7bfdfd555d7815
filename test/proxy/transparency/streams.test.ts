import { LONGEST_MS, streams } from './streams.ts'
import { play } from './stage.ts'

play('streams', streams, Math.max(30_000, LONGEST_MS))
