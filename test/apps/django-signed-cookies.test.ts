import { django } from './django.ts'
import { example } from './examples.ts'
import { matrix } from './matrix.ts'

matrix(django('signed_cookies', {
  name: "Django's admin with signed cookies",
  config: example('django/unstick-signed-cookies.yaml'),
  store: 'redis',
  // Random, so that it cannot be compressed: the session outgrows a browser's cookie.
  itemLength: 700,
}))
