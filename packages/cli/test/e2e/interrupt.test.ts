import { truncate, writeFile } from 'node:fs/promises';
import { cliCommand } from '@waybill/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runTool } from './run-tool.ts';
import { type Reply, Sandbox } from './sandbox.ts';

const GIB = 1_073_741_824;

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await Sandbox.create();
  // Holes only: it takes long to hash and no room.
  await writeFile(sandbox.path('long'), '');
  await truncate(sandbox.path('long'), 8 * GIB);
});

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

function putLong(): string[] {
  return ['put', `file://${sandbox.path('long')}`, '--name', 'demo', '--type', 'dataset'];
}

/** The ingest that a process works on, as soon as it shows. */
async function liveIngest(): Promise<Reply> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const [found] = (await sandbox.done('resume')).ingests;
    if (found?.live === true) return found;
  }
  throw new Error('no ingest went live');
}

test('Ctrl-C leaves an ingest that can be resumed, and two at once are refused', async () => {
  const running = sandbox.start(putLong());
  const { id: ingest } = await liveIngest();
  expect(await sandbox.text('resume')).toMatch(
    new RegExp(`^${ingest} {2}local/default/demo {2}running now\n`),
  );
  for (const args of [putLong(), ['resume', ingest]]) {
    const busy = await sandbox.failed(args);
    expect(busy).toMatchObject({ exitCode: 5, code: 'BUSY' });
    expect(busy.message).toContain(ingest);
  }

  running.process.kill('SIGINT');
  const stopped = await running.result;
  expect(stopped).toMatchObject({ exitCode: 130, signal: null });
  expect(stopped.stdout.toString()).toBe('');
  expect(stopped.stderr).toContain(`waybill resume ${ingest}`);
  expect((await sandbox.done('ls')).artifacts).toEqual([]);
  expect(await sandbox.text('resume')).toMatch(
    new RegExp(`^${ingest} {2}local/default/demo {2}(?:planning|running)\n`),
  );

  await truncate(sandbox.path('long'), 10);
  const resumed = await sandbox.done('resume', ingest);
  expect(resumed).toMatchObject({ name: 'demo', version: 'v0', created: true, entries: 1, size: 10 });
  expect(await sandbox.done('resume')).toEqual({ ingests: [] });
});

test('the same put continues its own ingest; with --json the interruption is one object', async () => {
  const running = sandbox.start([...putLong(), '--json']);
  const { id: ingest } = await liveIngest();
  running.process.kill('SIGTERM');
  const stopped = await running.result;
  expect(stopped).toMatchObject({ exitCode: 143, stderr: '' });
  expect(JSON.parse(stopped.stdout.toString())).toMatchObject({
    error: { code: 'CANCELLED', details: { ingestId: ingest } },
  });
  await truncate(sandbox.path('long'), 10);
  await sandbox.done(...putLong());
  expect((await sandbox.done('show', 'demo')).ingest.id).toBe(ingest);
});

test('after kill -9 it is resumable too; a second Ctrl-C ends at once; cancel gives it up', async () => {
  const first = sandbox.start(putLong());
  const { id: ingest } = await liveIngest();
  first.process.kill('SIGKILL');
  expect((await first.result).signal).toBe('SIGKILL');
  const [found] = (await sandbox.done('resume')).ingests;
  expect(found).toMatchObject({ id: ingest, live: false });

  const second = sandbox.start(['resume', ingest]);
  await liveIngest();
  second.process.kill('SIGINT');
  second.process.kill('SIGINT');
  expect((await second.result).exitCode).toBe(130);

  expect(await sandbox.text('cancel', ingest)).toBe(`ingest ${ingest} is cancelled\n`);
  expect(await sandbox.done('resume')).toEqual({ ingests: [] });
  expect(await sandbox.failed(['resume', ingest])).toMatchObject({ exitCode: 5, code: 'STATE_CONFLICT' });
});

test('a put that is cancelled from elsewhere is over, and is not told to resume', async () => {
  // A minute and more of hashing in one file: the cancel is noticed in the middle of it.
  await truncate(sandbox.path('long'), 64 * GIB);
  const startedMs = performance.now();
  const running = sandbox.start(putLong());
  const { id: ingest } = await liveIngest();
  expect(await sandbox.text('cancel', ingest)).toBe(`ingest ${ingest} was told to stop\n`);
  const stopped = await running.result;
  expect(performance.now() - startedMs).toBeLessThan(20_000);
  expect(stopped).toMatchObject({ exitCode: 1, signal: null });
  expect(stopped.stderr).toMatch(new RegExp(`${ingest} was cancelled`));
  expect(stopped.stderr).not.toContain('goes on from here');
  expect(await sandbox.done('resume')).toEqual({ ingests: [] });
});

test('piped, a long put says how far it is', async () => {
  const running = sandbox.start(putLong());
  await liveIngest();
  // Time passes for a stopped process too; this costs less than five seconds of hashing.
  running.process.kill('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 5_500));
  await truncate(sandbox.path('long'), 10);
  running.process.kill('SIGCONT');
  const { exitCode, stderr, stdout } = await running.result;
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(/^(?:(?:reading|writing the manifest of) \d+ (?:of 1 )?files?.*\n)+$/);
  expect(stdout.toString()).toMatch(/^committed /);
});

test('a reader that goes away ends the command quietly', async () => {
  await sandbox.write({ 'tree/big': Buffer.alloc(5_000_000, 'x') });
  await sandbox.done('put', 'tree', '--name', 'demo', '--type', 't');
  const script = `"$@" cat demo big | head -c 3; echo " \${PIPESTATUS[0]}"`;
  const env = { ...process.env, WAYBILL_HOME: sandbox.home };
  const { stdout, stderr } = runTool(['bash', '--norc', '-c', script, 'bash', ...cliCommand()], { env });
  expect({ stdout, stderr }).toEqual({ stdout: 'xxx 0\n', stderr: '' });
});

test('a standard error that nobody reads does not make a failure a success', async () => {
  await sandbox.write({ 'tree/a': 'x' });
  await sandbox.done('put', 'tree', '--name', 'demo', '--type', 't');
  const env = { ...process.env, WAYBILL_HOME: sandbox.home };
  for (const [args, status] of [
    ['alias rm demo nothing', 3],
    ['alias', 2],
    ['show nothing', 3],
    ['alias ad', 2],
  ] as const) {
    // What stands at the other end of the pipe has ended before the command writes.
    const script = `{ sleep 0.2; "$@" ${args} 2>&1 >/dev/null; } | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout } = runTool(['bash', '--norc', '-c', script, 'bash', ...cliCommand()], { env });
    expect({ args, stdout }).toEqual({ args, stdout: `${status}\n` });
  }
});

test('on a terminal: colours, and progress that is gone at the end', async () => {
  await sandbox.write({ 'tree/a': 'x' });
  const command = [...cliCommand(), 'put', 'tree', '--name', 'demo', '--type', 't'];
  const quoted = `stty cols 80 rows 24; ${command.map((word) => `'${word}'`).join(' ')}`;
  const env = { PATH: process.env['PATH'], TERM: 'xterm', WAYBILL_HOME: sandbox.home };
  const { stdout, status } = runTool(['script', '-qec', quoted, '/dev/null'], { cwd: sandbox.folder, env });
  expect(status).toBe(0);
  expect(stdout).toContain('\u001b[32mcommitted\u001b[39m');
  expect(stdout).toContain('reading 0 files');
  // The progress line was erased before the result was written.
  const erasedAt = stdout.lastIndexOf('\u001b[2K');
  expect(erasedAt).toBeGreaterThan(stdout.lastIndexOf('reading '));
  expect(stdout.indexOf('committed')).toBeGreaterThan(erasedAt);
});
