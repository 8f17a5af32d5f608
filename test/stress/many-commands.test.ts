import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCli } from '@waybill/testkit';
import { expect, it, onTestFinished } from 'vitest';

/** `WAYBILL_STRESS_COMMANDS=60 npm run test:stress` is the short form. */
const COMMANDS = Number(process.env['WAYBILL_STRESS_COMMANDS'] ?? 600);
const LANES = 3;
const TREES = 5;
const FILES_PER_TREE = 700;
const COMMAND_TIMEOUT_MS = 300_000;
/** What a command may say beside a competitor: not there (yet), in use, taken over, cancelled, changed under its feet. */
const FAIR: readonly string[] = [
  'NOT_FOUND',
  'BUSY',
  'STATE_CONFLICT',
  'ALIAS_CONFLICT',
  'CANCELLED',
  'MISSING_BLOB',
  'SOURCE_CHANGED',
];

interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly reply: Reply;
}

interface Reply {
  readonly error?: { readonly code: string; readonly message: string } | null;
  readonly ok?: boolean;
  readonly ingests?: readonly { readonly id: string; readonly live: boolean }[];
  readonly artifacts?: readonly { readonly name: string }[];
  readonly versions?: readonly { readonly version: string }[];
}

/** A small generator, so that the printed seed gives the same commands again; their interleaving is the machine's. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

class Stress {
  readonly top = mkdtempSync(join(tmpdir(), 'waybill-stress-'));
  readonly #random: (below: number) => number;
  readonly counts: Record<string, number> = {};

  constructor(seed: number) {
    this.#random = randomOf(seed);
    for (let tree = 0; tree < TREES; tree++) this.#makeTree(tree);
  }

  /** Trees share most contents, so that what one command stores another one finds, or collects. */
  #makeTree(tree: number): void {
    for (let index = 0; index < FILES_PER_TREE; index++) {
      const folder = join(this.top, `tree-${tree}`, `folder-${index % 9}`);
      mkdirSync(folder, { recursive: true });
      const path = join(folder, `file-${index}`);
      const content = (index * 7 + tree * 100) % 900;
      writeFileSync(path, Buffer.alloc(500 + content * 13, `content ${content}`));
      utimesSync(path, new Date(0), new Date(0));
    }
    writeFileSync(join(this.top, `tree-${tree}`, 'large'), Buffer.alloc(5_000_000, `large ${tree % 2}`));
  }

  async run(args: readonly string[], killAfterMs?: number): Promise<Ended> {
    const home = join(this.top, 'home');
    const running = startCli({ args: [...args, '--json'], env: {}, home, timeoutMs: COMMAND_TIMEOUT_MS });
    const kill = (): boolean => running.process.kill('SIGKILL');
    const timer = killAfterMs === undefined ? undefined : setTimeout(kill, killAfterMs);
    const { exitCode, signal, stdout } = await running.result;
    clearTimeout(timer);
    const reply = signal === null ? (JSON.parse(stdout.toString()) as Reply) : {};
    return { exitCode, signal, reply };
  }

  /** One command beside others; anything that is nobody's fault fails the test. */
  async step(): Promise<void> {
    const random = this.#random;
    const name = `data-${random(3)}`;
    const tree = join(this.top, `tree-${random(TREES)}`);
    const put = ['put', random(5) === 0 ? `file://${tree}` : tree, '--name', name, '--type', 'dataset'];
    const choices: (() => Promise<void>)[] = [
      () => this.#fair('put', put),
      () => this.#fair('put', [...put, '--no-cache']),
      () => this.#fair('put killed', put, random(900)),
      () => this.#fair('gc', ['gc', '--grace', '0s']),
      () => this.#fair('gc killed', ['gc', '--grace', '0s'], random(500)),
      () => this.#fair('delete', ['delete', `${name}:v${random(12)}`, '--delete-aliases']),
      () => this.#fair('get', ['get', name, '--root', join(this.top, `got-${random(1_000_000)}`)]),
      () => this.#fair('ls', ['ls', name]),
      () => this.#endOne(),
      () => (random(4) === 0 ? this.#fair('rebuild', ['store', 'rebuild-index']) : this.#fair('put', put)),
    ];
    await choices[random(choices.length)]?.();
  }

  async #fair(kind: string, args: readonly string[], killAfterMs?: number): Promise<void> {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    const { exitCode, signal, reply } = await this.run(args, killAfterMs);
    if (exitCode === 0 || (signal === 'SIGKILL' && killAfterMs !== undefined)) return;
    expect(FAIR, `${args.join(' ')}: ${reply.error?.message}`).toContain(reply.error?.code);
  }

  async #endOne(): Promise<void> {
    const { reply } = await this.run(['resume']);
    const open = reply.ingests?.filter(({ live }) => !live) ?? [];
    const found = open[this.#random(Math.max(1, open.length))];
    if (found !== undefined)
      await this.#fair('resume', [this.#random(2) === 0 ? 'resume' : 'cancel', found.id]);
  }

  /** What nobody disturbs any more. */
  async alone(...args: readonly string[]): Promise<Reply> {
    const { exitCode, reply } = await this.run(args);
    expect(reply.error ?? undefined, args.join(' ')).toBeUndefined();
    expect(exitCode, args.join(' ')).toBe(0);
    return reply;
  }

  async expectSound(): Promise<number> {
    for (const { id } of (await this.alone('resume')).ingests ?? []) await this.alone('cancel', id);
    await this.alone('gc', '--grace', '0s');
    expect(await this.alone('store', 'check')).toMatchObject({ ok: true });
    let versions = 0;
    for (const { name } of (await this.alone('ls')).artifacts ?? []) {
      for (const { version } of (await this.alone('versions', name)).versions ?? []) {
        const root = join(this.top, 'checked');
        await this.alone('get', `${name}:${version}`, '--root', root);
        expect(await this.alone('verify', `${name}:${version}`, root)).toMatchObject({ ok: true });
        rmSync(root, { recursive: true });
        await this.alone('delete', `${name}:${version}`, '--delete-aliases');
        versions++;
      }
    }
    await this.alone('gc', '--grace', '0s');
    expect(this.#storedFiles()).toEqual([]);
    return versions;
  }

  /** Objects in the store: nothing but the mark of whose it is has no folder of an entity. */
  #storedFiles(): string[] {
    const store = join(this.top, 'home', 'store', 'local');
    return readdirSync(store, { recursive: true, encoding: 'utf8' }).filter((name) =>
      statSync(join(store, name)).isFile(),
    );
  }
}

it(`${COMMANDS} commands of several processes on one home leave every version whole and nothing behind`, async () => {
  const seed = Number(process.env['WAYBILL_SEED'] ?? Date.now() % 2 ** 31);
  process.stdout.write(`seed ${seed}: repeat with WAYBILL_SEED=${seed}\n`);
  const stress = new Stress(seed);
  onTestFinished(() => rmSync(stress.top, { recursive: true, force: true }));
  let left = COMMANDS;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await stress.step();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const done = Object.values(stress.counts).reduce((sum, count) => sum + count, 0);
  const versions = await stress.expectSound();
  process.stdout.write(`${done} commands: ${JSON.stringify(stress.counts)}; ${versions} versions checked\n`);
  expect(done).toBeGreaterThanOrEqual(COMMANDS * 0.8);
});
