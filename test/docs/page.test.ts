import { describe, expect, it } from 'vitest'
import { flawsOf } from './block.ts'
import { type Block, parsePage } from './page.ts'
import { portsFor } from './ports.ts'
import { Sandbox } from './sandbox.ts'

const block = (markdown: string): Block => {
  const [first] = parsePage(markdown).blocks
  if (first === undefined) throw new Error('there is no block')
  return first
}

const flaws = (markdown: string): Promise<readonly string[]> => flawsOf(block(markdown))

describe('a page', () => {
  it('is taken apart into blocks with their line, language and marker, headings and links', () => {
    const page = parsePage('# A `b`: c, d\n## Same\n## Same\n[x](y.md#z) ![i](i.png) `[no](no.md)`\n\n- item\n  <!-- docs: with b: file a.yaml -->\n  ```yaml\n  a:\n    b: 1\n  ```\n\n~~~text\n[no](no.md)\n# no\n~~~\n')
    expect([...page.anchors]).toEqual(['a-b-c-d', 'same', 'same-1'])
    expect(page.links.map(({ target }) => target)).toEqual(['y.md#z', 'i.png'])
    expect(page.blocks).toEqual([
      { line: 9, language: 'yaml', text: 'a:\n  b: 1\n', marker: { kind: 'file', name: 'a.yaml' }, way: 'b', flaw: undefined },
      { line: 14, language: 'text', text: '[no](no.md)\n# no\n', marker: undefined, way: undefined, flaw: undefined },
    ])
  })
})

describe('a block', () => {
  it.each([
    ['of a language that nothing runs', '```toml\na = 1\n```', /toml/],
    ['without a language', '```\nls\n```', /language/],
    ['that is not run, with no reason to speak of', '<!-- docs: not run: no -->\n```sh\nls\n```', /why/],
    ['with a marker that is none', '<!-- docs: skip -->\n```sh\nls\n```', /marker/],
    ['that is not what its file says', '<!-- docs: part of examples/flask/unstick.yaml -->\n```yaml\napp: php\n```', /not what/],
    ['of a file that is not there', '<!-- docs: part of examples/none.yaml -->\n```yaml\napp: php\n```', /not there/],
    ['of a file outside', '<!-- docs: part of ../x -->\n```yaml\napp: php\n```', /not there/],
    ['with a key that is none', '```yaml\nsesion: {}\n```', /sesion.*did you mean session/],
    ['with a metric that there is not', '```promql\nsum(unstick_request_total)\n```', /unstick_request_total, which there is not/],
    ['with values that the chart does not take', '<!-- docs: values of helm/unstick -->\n```yaml\nsidecars: {}\n```', /sidecars/],
    ['with a part of a configuration that does not go together', '```yaml\nroutes:\n  - { match: "/x", session: off, touch: false }\n```', /no effect/],
  ])('%s is found', async (_, markdown, flaw) => {
    expect((await flaws(markdown)).join()).toMatch(flaw)
  })

  it.each([
    ['a part of a configuration', '```yaml\nroutes:\n  - { match: "GET /static/**", session: off }\n```'],
    ['a secret from the environment', '```yaml\nstore: redis://u:${REDIS_PASSWORD}@h:1\nsecret: [ "${OTHER_SECRET}" ]\n```'],
    ['part of a file', '<!-- docs: part of examples/flask/unstick.yaml -->\n```yaml\n- match: "GET /health"\n  session: off\n```'],
    ['with a reason', '<!-- docs: not run: this takes a cluster of yours -->\n```sh\nkubectl get pods\n```'],
    ['with values of the chart', '<!-- docs: values of helm/unstick -->\n```yaml\nreplicas: 3\n```'],
    ['that is shown', '```text\nanything\n```'],
  ])('%s passes', async (_, markdown) => {
    expect(await flaws(markdown)).toEqual([])
  })
})

describe('the commands of a page', () => {
  const run = async (...blocks: string[]): Promise<void> => {
    await using sandbox = await Sandbox.make(await portsFor(blocks))
    for (const text of blocks) await sandbox.run(block(text))
  }

  it('hand their environment on to the next block, and find unstick as it is installed and as it is cloned', async () => {
    await run('```sh\nexport A=1\nunstick --version\nnpx unstick --version\n```', '```sh\ntest "$A" = 1\nnpm run -s unstick -- --version\n```')
  })

  it('go on in the folder in which the last block ended', async () => {
    await run('```sh\nexport PATH="$PWD/bin:$PATH"\nmkdir a\ncd a\n```', '```sh\ntest "${PWD##*/}" = a\ntest "$(command -v unstick)" = "${PWD%/a}/bin/unstick"\nunstick --version\n```')
  })

  it('have to end all that the page has started, where they say so', async () => {
    await using sandbox = await Sandbox.make(await portsFor([]))
    await sandbox.run(block('```sh\nsleep 60 & echo $! > pid\nsleep 60 & echo $! > pid-2\n```'))
    const ends = (text: string): Promise<void> => sandbox.run(block(`<!-- docs: ready when nothing runs any more -->\n\`\`\`sh\n${text}\n\`\`\``), 500)
    await expect(ends('kill $(cat pid)')).rejects.toThrow(/nothing runs any more/)
    await ends('kill $(cat pid-2)')
  })

  it.each([['```sh\nfalse\ntrue\n```'], ['```sh\necho $NONE\n```'], ['<!-- docs: ready when it prints "up" -->\n```sh\nexit 3\n```']])('fail where one of them fails: %j', async (text) => {
    await expect(run(text)).rejects.toThrow(/ended with [123]/)
  })

  it('go on while the next ones run, and are gone at the end', async () => {
    await using sandbox = await Sandbox.make(await portsFor([]))
    const yaml = 'upstream: http://127.0.0.1:3000\napp: php\nlisten: 127.0.0.1:8080\n'
    sandbox.write('unstick.yaml', yaml)
    await sandbox.run(block('<!-- docs: ready when http://127.0.0.1:9090/readyz answers -->\n```sh\nunstick run \\\n  -c unstick.yaml   # a word\n```'))
    await sandbox.run(block('```sh\nsleep 60 & echo $! > pid\n```'))
    await sandbox.run(block('```sh\nkill -0 $(cat pid)\ncurl -sf http://127.0.0.1:9090/livez\ntest "$(curl -s -o /dev/null -w "%{http_code}" http://127.0.0.1:8080/)" = 502\n```'))
  })
})
