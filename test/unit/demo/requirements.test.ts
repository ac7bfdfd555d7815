import { expect, test } from 'vitest'
import { findMissing } from '../../../src/demo/requirements.ts'

test('what the demo needs and is not installed is named, with the way to get it', () => {
  expect(() => findMissing(['express', 'no-such-package-here'])).toThrow(
    "The demo's app needs no-such-package-here, which is not installed. Install with: npm install no-such-package-here",
  )
})
