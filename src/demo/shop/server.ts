/** Runs one replica of the shop. Environment: PORT, REPLICA, SESSIONS (folder), SESSION_SECRET, STAGES (JSON, optional). */
import { createShop } from './app.ts'
import type { Stages } from './stage.ts'

const need = (name: string): string => {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`the shop needs ${name} in its environment`)
  return value
}

const port = Number(need('PORT'))
createShop({
  replica: need('REPLICA'),
  sessions: need('SESSIONS'),
  secret: need('SESSION_SECRET'),
  stages: JSON.parse(process.env['STAGES'] ?? '{}') as Stages,
}).listen(port, '127.0.0.1', (error) => {
  if (error) throw error
})
