import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PYTHON } from '../../scripts/servers.ts'
import { Browser } from '../support/browser.ts'
import { REPLICAS, startBalancer, type ReplicaName } from '../support/haproxy.ts'
import { freePorts } from '../support/ports.ts'
import { start, type Running } from '../support/process.ts'
import { startRedis } from '../support/redis-server.ts'
import { describeWith } from '../support/servers.ts'
import { startSidecar } from '../support/sidecar.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { USER } from './app.ts'
import { basket } from './basket.ts'
import { answers, example } from './examples.ts'

type Stage = 'keeps' | 'releases' | 'bare'

interface Settings {
  readonly name: ReplicaName
  /** The port that the balancer knows. */
  readonly front: number
  readonly app: number
  readonly admin: number
  readonly store: string
  readonly secret: string
  readonly folder: string
}

/** A Flask app whose session is one signed cookie. What the balancer knows of a replica is one port: its sidecar's, and in the end its own. */
class Replica implements AsyncDisposable {
  readonly #settings: Settings
  #running: Running[] = []

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** Takes what is there away and puts in its place what belongs to `stage`. */
  async become(stage: Stage): Promise<void> {
    await this.#stop()
    const { front, app, admin, store, secret, folder, name } = this.#settings
    await this.#flask(stage === 'bare' ? front : app)
    if (stage === 'bare') return
    const config = join(folder, `${name}-${stage}.yaml`)
    await writeFile(config, [
      `listen: 127.0.0.1:${front}`, `upstream: http://127.0.0.1:${app}`, `store: ${store}`, `secret: ["${secret}"]`, `admin: { listen: "127.0.0.1:${admin}" }`,
      'app: flask', `carriers: { cookies: { release: ${stage === 'releases'} } }`, 'routes: [{ match: "GET /health", session: off }, { match: "POST /**", lock: exclusive }]', '',
    ].join('\n'))
    this.#running.push(await startSidecar({ name: `sidecar of ${name}`, config, listenPort: front, adminPort: admin, appPort: app, store, secret }))
  }

  async #flask(port: number): Promise<void> {
    this.#running.push(await start({
      name: `app of ${this.#settings.name}`, command: PYTHON, args: [example('flask/app.py')],
      env: { PORT: String(port), SECRET_KEY: 'the same on both replicas' }, ready: () => answers(port, '/health'),
    }))
  }

  async #stop(): Promise<void> {
    for (const running of this.#running.splice(0).toReversed()) await running.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }
}

describeWith(['flask', 'haproxy', 'redis'], 'a rollback of Flask from unstick', () => {
  test('keeps everybody logged in, loses no write and no logout, while one replica after the other releases, and while one sidecar after the other goes', async () => {
    await using stack = new AsyncDisposableStack()
    const folder = stack.use(await temporaryFolder())
    const redis = await startRedis()
    stack.defer(() => redis.stop())
    const secret = randomBytes(32).toString('base64url')
    const fronts: Record<ReplicaName, number> = { 'replica-1': 0, 'replica-2': 0 }
    const replicas: Record<string, Replica> = {}
    for (const name of REPLICAS) {
      const [front = 0, app = 0, admin = 0] = await freePorts(3)
      fronts[name] = front
      const replica = stack.use(new Replica({ front, app, admin, name, secret, folder: folder.path, store: `redis://127.0.0.1:${redis.port}` }))
      replicas[name] = replica
      await replica.become('keeps')
    }
    const balancer = await startBalancer(fronts, '/health')
    stack.defer(() => balancer.stop())
    await balancer.serves(REPLICAS)

    const ada = new Browser(balancer.origin)
    const expected: string[] = []
    /** A visitor who reads and writes over both replicas in turn. */
    const use = async (stage: string): Promise<void> => {
      for (let i = 0; i < 6; i += 1) {
        const item = `${stage}-${i}`
        await basket.write(ada, item)
        expected.push(item)
        expect(await basket.read(ada), `${stage}, request ${i}`).toEqual({ user: USER, items: expected })
      }
    }
    const roll = async (stage: Stage): Promise<void> => {
      for (const name of REPLICAS) {
        await replicas[name]?.become(stage)
        await balancer.serves(REPLICAS)
        await use(`${name} ${stage}`)
      }
    }

    await basket.login(ada)
    await use('keeps')
    expect(ada.cookie('session')).toBeUndefined()
    await roll('releases')
    expect(ada.cookie('session')).toBeDefined()
    // Somebody who logs out before the sidecars go stays logged out behind them.
    const bob = new Browser(balancer.origin)
    await basket.login(bob)
    await basket.write(bob, 'tea')
    await basket.logout(bob)
    await roll('bare')
    expect(await basket.read(bob)).toEqual({ user: undefined, items: [] })
    await basket.logout(ada)
    expect(await basket.read(ada)).toEqual({ user: undefined, items: [] })
  })
})
