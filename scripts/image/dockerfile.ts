/** A Dockerfile as stages and steps. What the rehearsal would not do is refused here, so that nothing of the file goes unrehearsed. */
import { readFileSync } from 'node:fs'
import { type Copy, DockerfileParser, From, type Instruction, type JSONInstruction } from 'dockerfile-ast'

export type Step =
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'copy'; readonly from: string | undefined; readonly sources: readonly string[]; readonly destination: string }
  | { readonly kind: 'workdir'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string; readonly value: string }

/** What the last stage says of how the image is run. */
export interface ImageConfig {
  readonly user: { readonly uid: number; readonly gid: number }
  readonly volumes: readonly string[]
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly healthcheck: readonly string[]
  readonly labels: ReadonlyMap<string, string>
}

export interface Stage {
  readonly name: string
  readonly base: string
  readonly steps: readonly Step[]
}

export interface Dockerfile {
  readonly stages: readonly Stage[]
  readonly config: ImageConfig
}

/** Throws on instructions and forms that are not known here. */
export function readDockerfile(path: string): Dockerfile {
  const args = new Map<string, string>()
  const stages: { name: string; base: string; steps: Step[] }[] = []
  const config = { user: { uid: 0, gid: 0 }, volumes: [] as string[], entrypoint: [] as string[], command: [] as string[], healthcheck: [] as string[], labels: new Map<string, string>() }
  for (const instruction of DockerfileParser.parse(readFileSync(path, 'utf8')).getInstructions()) {
    const text = expand(instruction.getArgumentsContent() ?? '', args)
    const keyword = instruction.getKeyword()
    if (instruction instanceof From) {
      stages.push({ base: expand(instruction.getImage() ?? '', args), name: instruction.getBuildStage() ?? String(stages.length), steps: [] })
      continue
    }
    switch (keyword) {
      case 'ARG': {
        const [, name = '', value = ''] = /^(\w+)(?:=(.*))?$/.exec(text) ?? []
        args.set(name, value)
        break
      }
      case 'USER': {
        const [, uid, gid] = /^(\d+):(\d+)$/.exec(text) ?? []
        if (uid === undefined) throw new Error(`USER ${text}: not two numbers, which Kubernetes asks for`)
        config.user = { uid: Number(uid), gid: Number(gid) }
        break
      }
      case 'LABEL':
        for (const [, name = '', value = ''] of text.matchAll(/([\w.]+)="([^"]*)"/g)) config.labels.set(name, value)
        break
      case 'VOLUME': config.volumes.push(text); break
      case 'ENTRYPOINT': config.entrypoint = execForm(instruction); break
      case 'CMD': config.command = execForm(instruction); break
      case 'HEALTHCHECK': config.healthcheck = JSON.parse(text.replace(/^CMD /, '')) as string[]; break
      case 'EXPOSE': break
      case 'STOPSIGNAL': break
      default: stages.at(-1)?.steps.push(step(instruction, text))
    }
  }
  return { stages, config }
}

function step(instruction: Instruction, text: string): Step {
  switch (instruction.getKeyword()) {
    case 'RUN': return { kind: 'run', command: text }
    case 'WORKDIR': return { kind: 'workdir', path: text }
    case 'ENV': {
      const [, name = '', value = ''] = /^(\w+)=(\S+)$/.exec(text) ?? []
      return { kind: 'env', name, value }
    }
    case 'COPY': {
      const words = text.split(/\s+/)
      return { kind: 'copy', from: (instruction as Copy).getFromFlag()?.getValue() ?? undefined, sources: words.slice(0, -1), destination: words.at(-1) ?? '' }
    }
    default: throw new Error(`${instruction.getKeyword()} is not rehearsed yet: teach it to scripts/image`)
  }
}

/** A shell as process 1 would keep signals to itself. */
function execForm(instruction: Instruction): string[] {
  const words = (instruction as JSONInstruction).getJSONStrings().map((word) => word.getJSONValue())
  if (words.length === 0) throw new Error(`${instruction.getKeyword()} is not in exec form`)
  return words
}

const expand = (text: string, args: ReadonlyMap<string, string>): string => text.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => args.get(name) ?? whole)
