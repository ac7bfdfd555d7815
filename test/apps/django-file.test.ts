import { django } from './django.ts'
import { example, whole } from './examples.ts'
import { matrix } from './matrix.ts'

matrix(django('file', {
  name: "Django's admin with file sessions",
  config: example('django/unstick-file.yaml'),
  store: 'sqlite',
  begin: async (browser) => {
    // For the token against forged requests.
    whole(await browser.get('/admin/login/'))
    whole(await browser.post('/basket', { item: 'before', csrfmiddlewaretoken: browser.cookie('csrftoken') ?? '' }))
  },
}))
