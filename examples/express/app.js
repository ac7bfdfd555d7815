// A basket in express-session with session-file-store: the client has an id, the session is a JSON file beside the
// app. Knows nothing of unstick.
//
//   SECRET_KEY=... SESSION_FOLDER=./sessions PORT=3000 node app.js
import express from 'express'
import session from 'express-session'
import fileStore from 'session-file-store'

const FileStore = fileStore(session)
const app = express()
app.use(express.urlencoded({ extended: false }))

// Before the session: a health check must not open one.
app.get('/health', (_request, response) => response.send('ok'))

app.use(session({
  secret: process.env.SECRET_KEY,
  resave: false,
  saveUninitialized: false,
  store: new FileStore({ path: process.env.SESSION_FOLDER ?? './sessions', retries: 0, logFn: () => {} }),
}))

app.post('/login', (request, response, next) => {
  // A new id for a new user, as against session fixation.
  request.session.regenerate((error) => {
    if (error) return next(error)
    request.session.user = request.body.user
    response.redirect('/basket')
  })
})

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => {
    if (error) return next(error)
    response.clearCookie('connect.sid').redirect('/basket')
  })
})

app.get('/basket', (request, response) => {
  response.json({ user: request.session.user, items: request.session.items ?? [] })
})

app.post('/basket', (request, response) => {
  request.session.items = [...(request.session.items ?? []), request.body.item]
  response.redirect('/basket')
})

app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
