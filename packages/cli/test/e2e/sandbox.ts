import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type CliCall, type CliResult, type RunningCli, runCli, startCli } from '@waybill/testkit';
import { expect, vi } from 'vitest';

// Each command is a process of its own; on a busy machine a dozen of them take a while.
vi.setConfig({ testTimeout: 120_000 });

/** What commands answer with `--json`: the members that tests look at one by one, of all commands together. */
export interface Reply {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly version: string;
  readonly digest: string;
  readonly msg: string;
  readonly state: string;
  readonly live: boolean;
  readonly ok: boolean;
  readonly blobs: number;
  readonly objects: number;
  readonly blobsCondemned: number;
  readonly repaired: number;
  readonly next: string | null;
  readonly aliases: readonly string[];
  readonly stats: Readonly<Record<string, number>>;
  readonly contents: Readonly<Record<string, unknown>>;
  readonly ingest: Reply;
  readonly artifacts: readonly Reply[];
  readonly changes: readonly Reply[];
  readonly entities: readonly Reply[];
  readonly entries: readonly Reply[];
  readonly findings: readonly Reply[];
  readonly ingests: readonly Reply[];
  readonly skipped: readonly Reply[];
  readonly versions: readonly Reply[];
  readonly error: ReplyError | undefined;
}

export interface ReplyError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface JsonRun {
  readonly exitCode: number | null;
  readonly json: Reply;
  readonly stderr: string;
}

type Extra = Omit<CliCall, 'args' | 'home'>;

/** A folder with a home of its own, in which commands are run. */
export class Sandbox implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Sandbox> {
    const folder = await mkdtemp(join(tmpdir(), 'waybill-e2e-'));
    // Some tests run commands as another user.
    await chmod(folder, 0o755);
    return new Sandbox(folder);
  }

  get home(): string {
    return join(this.folder, 'home');
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Writes files; a value `-> target` makes a link. */
  async write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      const path = this.path(name);
      await mkdir(dirname(path), { recursive: true });
      if (typeof content === 'string' && content.startsWith('-> ')) await symlink(content.slice(3), path);
      else await writeFile(path, content);
    }
  }

  call(args: readonly string[], extra: Extra = {}): CliCall {
    return { args, home: this.home, cwd: this.folder, ...extra };
  }

  start(args: readonly string[], extra: Extra = {}): RunningCli {
    return startCli(this.call(args, extra));
  }

  run(args: readonly string[], extra: Extra = {}): Promise<CliResult> {
    return runCli(this.call(args, extra));
  }

  /** Runs a command that must succeed and say nothing on standard error; answers what it printed. */
  async text(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args);
    expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
    return stdout.toString();
  }

  /** Runs a command with `--json`: one object on standard output, and nothing on standard error. */
  async json(args: readonly string[], extra: Extra = {}): Promise<JsonRun> {
    const { exitCode, stdout, stderr } = await this.run([...args, '--json'], extra);
    const text = stdout.toString();
    expect(stderr).toBe('');
    expect(text).toMatch(/^\{[^\n]*\}\n$/);
    return { exitCode, json: JSON.parse(text) as Reply, stderr };
  }

  /** As {@link json}, for a command that must succeed. */
  async done(...args: string[]): Promise<Reply> {
    const { exitCode, json } = await this.json(args);
    expect({ args, exitCode, error: json.error }).toEqual({ args, exitCode: 0, error: undefined });
    return json;
  }

  /** Runs a command that must fail, once for people and once as JSON: both say the same. */
  async failed(
    args: readonly string[],
    extra: Extra = {},
  ): Promise<ReplyError & { readonly exitCode: number | null }> {
    const human = await this.run(args, extra);
    const { exitCode, json } = await this.json(args, extra);
    expect({ args, exitCode: human.exitCode, stdout: human.stdout.toString() }).toEqual({
      args,
      exitCode,
      stdout: '',
    });
    expect(human.stderr).toMatch(/^waybill: /);
    if (json.error === undefined) throw new Error(`no error was told by ${args.join(' ')}`);
    return { exitCode, ...json.error };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
