import { requests } from './requests.ts'
import { play } from './stage.ts'

play('requests', requests)
