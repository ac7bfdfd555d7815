/**
 * Loaded into every child of the demo before its own code (`node --import`): when the demo is gone, however it went, the
 * channel to it closes, and the child takes the demo's folder away and ends. The programs themselves know nothing of it.
 */
import { existsSync, rmSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const ATTEMPTS = 20

if (isMainThread && process.channel !== undefined) {
  process.on('disconnect', () => {
    removeFolder(process.env['UNSTICK_DEMO_FOLDER'])
    process.kill(process.pid, 'SIGKILL')
  })
  // The channel alone must not keep a child alive that has ended its work.
  process.channel.unref()
}

function removeFolder(folder: string | undefined): void {
  if (folder === undefined) return
  for (let left = ATTEMPTS; left > 0 && existsSync(folder); left--) {
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {
      // The other children do the same at the same time, and one trips over what another has just removed: look again.
    }
  }
}
