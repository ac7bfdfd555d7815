/**
 * A small shop: an ordinary Express app that keeps its sessions in files, with express-session and session-file-store
 * as their READMEs show them. It runs alone (`node server.ts`) just as well as beside another replica.
 */
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import session from 'express-session'
import fileStore from 'session-file-store'
import { CONTENT_SECURITY_POLICY, renderPage } from './page.ts'
import { renderPanel } from './panel.ts'
import { productOf } from './catalogue.ts'
import { stageFor, type Stages } from './stage.ts'

declare module 'express-session' {
  interface SessionData {
    user: string
    /** Pieces by product id. */
    cart: Record<string, number>
  }
}

export interface ShopOptions {
  /** The name of this replica, as the page shows it. */
  readonly replica: string
  /** Folder of the session files; made when missing. */
  readonly sessions: string
  /** Signs the session cookie; the same on every replica. */
  readonly secret: string
  readonly stages: Stages
}

/** What an answer tells: who made it, and what it knows of the visitor. */
export interface Answer {
  readonly replica: string
  readonly pid: number
  readonly user: string | null
  readonly pieces: number
  /** Why the shop did not do as asked. */
  readonly refused?: string
  /** The visitor's part of the page, as HTML. */
  readonly panel: string
}

const LONGEST_NAME = 40

export function createShop(options: ShopOptions): Express {
  const app = express()
  const FileStore = fileStore(session)
  app.disable('x-powered-by')
  app.use((_, response, next) => {
    response.set({
      'cache-control': 'no-store',
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'referrer-policy': 'same-origin',
    })
    next()
  })
  app.use(express.urlencoded({ extended: false, limit: '8kb' }))
  app.use(
    session({
      store: new FileStore({ path: options.sessions, retries: 0, reapInterval: -1, logFn: () => undefined }),
      secret: options.secret,
      resave: false,
      saveUninitialized: false,
      cookie: { sameSite: 'lax' },
    }),
  )

  const answerTo = (request: Request, refused?: string): Answer => {
    const { user, cart = {} } = request.session
    const pieces = Object.values(cart).reduce((sum, count) => sum + count, 0)
    const panel = renderPanel({ user, cart, refused })
    return { replica: options.replica, pid: process.pid, user: user ?? null, pieces, panel, ...(refused === undefined ? {} : { refused }) }
  }
  /** Scripts get the answer itself; a plain form gets the page, by way of a redirect, so that a reload repeats nothing. */
  const reply = (request: Request, response: Response, next: NextFunction, refused?: string): void => {
    if (wantsJson(request)) response.status(refused === undefined ? 200 : 401).json(answerTo(request, refused))
    else if (refused !== undefined) response.redirect(303, '/')
    // Browsers follow a redirect before the answer has ended, which is when the session would be saved otherwise.
    else request.session.save((error) => (error ? next(error) : response.redirect(303, '/')))
  }

  app.get('/', (request, response) => {
    response.type('html').send(renderPage(answerTo(request), stageFor(options.stages, request.headers.host)))
  })
  app.get('/whoami', (request, response) => void response.json(answerTo(request)))
  app.post('/login', (request, response, next) => {
    const name = fieldOf(request, 'name').trim().slice(0, LONGEST_NAME)
    if (name === '') return reply(request, response, next, 'Please type a name.')
    // A new id at login, so that nobody can plant one beforehand.
    request.session.regenerate((error) => {
      if (error) return next(error)
      request.session.user = name
      request.session.cart = {}
      reply(request, response, next)
    })
  })
  app.post('/logout', (request, response, next) => {
    request.session.destroy((error) => {
      if (error) return next(error)
      response.clearCookie('connect.sid')
      if (wantsJson(request)) response.json(nobody(options.replica))
      else response.redirect(303, '/')
    })
  })
  app.post('/cart', (request, response, next) => {
    const product = productOf(fieldOf(request, 'product'))
    const { user, cart = {} } = request.session
    if (user === undefined) return reply(request, response, next, 'Please log in first.')
    if (product === undefined) return reply(request, response, next, 'The shop has no such pan.')
    request.session.cart = { ...cart, [product.id]: Math.min((cart[product.id] ?? 0) + 1, 99) }
    reply(request, response, next)
  })
  app.get('/health', (_, response) => void response.type('text').send('ok\n'))
  return app
}

const wantsJson = (request: Request): boolean => request.accepts(['html', 'json']) === 'json'

/** A field of the form; empty when it is missing or given twice. */
function fieldOf(request: Request, name: string): string {
  const value = (request.body as Record<string, unknown> | undefined)?.[name]
  return typeof value === 'string' ? value : ''
}

const nobody = (replica: string): Answer => ({
  replica,
  pid: process.pid,
  user: null,
  pieces: 0,
  panel: renderPanel({ user: undefined, cart: {}, refused: undefined }),
})
