import { defineConfig } from 'vitest/config'

/** One project per folder of test/, so that a run can name what it wants: `npx vitest --project unit`. */
const folder = (name: string, options: { timeoutMs: number; serial?: boolean; after?: boolean }) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    setupFiles: ['test/support/disposable-stack.ts'],
    testTimeout: options.timeoutMs,
    hookTimeout: options.timeoutMs,
    fileParallelism: options.serial !== true,
    // After all others, which it would keep from the processor.
    ...(options.after === true ? { sequence: { groupOrder: 1 } } : {}),
  },
})

export default defineConfig({
  test: {
    projects: [
      folder('unit', { timeoutMs: 10_000 }),
      folder('conformance', { timeoutMs: 30_000 }),
      // `npm run fuzz` asks for as many cases as it likes.
      folder('property', { timeoutMs: process.env['FUZZ_CASES'] === undefined ? 60_000 : 86_400_000 }),
      folder('proxy', { timeoutMs: 30_000 }),
      folder('deploy', { timeoutMs: 60_000 }),
      folder('docs', { timeoutMs: 120_000 }),
      folder('package', { timeoutMs: 180_000, serial: true }),
      folder('torture', { timeoutMs: 240_000, serial: true, after: true }),
      folder('apps', { timeoutMs: 180_000, serial: true }),
    ],
  },
})
