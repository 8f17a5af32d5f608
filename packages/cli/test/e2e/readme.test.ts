import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cliCommand } from '@waybill/testkit';
import { expect, test } from 'vitest';
import { runTool } from './run-tool.ts';
import { Sandbox } from './sandbox.ts';

const ROOT = join(import.meta.dirname, '../../../..');

/** Commands of the README, each with the output it shows. */
interface Example {
  readonly command: string;
  readonly output: string;
}

function examplesOf(markdown: string): Example[] {
  const examples: Example[] = [];
  for (const [, block = ''] of markdown.matchAll(/^```console\n(.*?)^```$/gms)) {
    for (const part of block.split(/^\$ /m).slice(1)) {
      const lineEnd = part.indexOf('\n');
      examples.push({ command: part.slice(0, lineEnd), output: part.slice(lineEnd + 1) });
    }
  }
  return examples;
}

/** Leaves out what differs from run to run. */
function steady(output: string, folder: string): string {
  return output
    .replaceAll(folder, '/data')
    .replaceAll(/^( +time +).*$/gm, '$1...')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, '<moment>')
    .replaceAll(/\b[0-9a-f]{24}\b/g, '<ingest>');
}

test('the README shows what the commands print', { timeout: 300_000 }, async () => {
  await using sandbox = await Sandbox.create();
  const quoted = cliCommand().map((word) => `'${word}'`);
  await mkdir(sandbox.path('bin'));
  await writeFile(sandbox.path('bin/waybill'), `#!/bin/sh\nexec ${quoted.join(' ')} "$@"\n`);
  await writeFile(sandbox.path('bin/npx'), '#!/bin/sh\nexec "$@"\n');
  await chmod(sandbox.path('bin/waybill'), 0o755);
  await chmod(sandbox.path('bin/npx'), 0o755);
  await mkdir(sandbox.path('here'));
  await symlink(join(ROOT, 'examples'), sandbox.path('here/examples'));

  const examples = examplesOf(await readFile(join(ROOT, 'README.md'), 'utf8'));
  expect(examples.length).toBeGreaterThan(25);
  let ingestId = '';
  for (const { command, output } of examples) {
    const line = command.replace(/\b[0-9a-f]{24}\b/, ingestId);
    const { stdout } = runTool(['bash', '--norc', '-c', `exec 2>&1; ${line}`], {
      cwd: sandbox.path('here'),
      env: { PATH: `${sandbox.path('bin')}:${process.env['PATH']}`, WAYBILL_HOME: sandbox.home },
    });
    ingestId = /\b[0-9a-f]{24}\b/.exec(stdout)?.[0] ?? ingestId;
    expect({ command, output: steady(stdout, sandbox.path('here')) }).toEqual({
      command,
      output: steady(output, '/data'),
    });
  }
});
