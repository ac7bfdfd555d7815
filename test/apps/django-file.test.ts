import { django } from './django.ts'
import { example } from './examples.ts'
import { matrix } from './matrix.ts'

matrix(django('file', {
  name: "Django's admin with file sessions",
  config: example('django/unstick-file.yaml'),
  store: 'sqlite',
}))
