import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const NOBODY = 65_534;

/** Permission tests need root, which can be somebody else; anybody else cannot be kept from its own files. */
export const isRoot: boolean = process.getuid?.() === 0;

/**
 * Runs the body of a module as a user who owns nothing: `argument` is its constant `argument`, `@waybill/store-fs`
 * can be imported, and what it prints as JSON is the answer.
 */
export async function runAsNobody(body: string, argument: unknown): Promise<unknown> {
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--input-type=module-typescript',
      '-e',
      `const argument = ${JSON.stringify(argument)};\n${body}`,
    ],
    {
      uid: NOBODY,
      gid: NOBODY,
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { HOME: '/nonexistent' },
    },
  );
  const exited = once(child, 'exit');
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await exited;
  if (child.exitCode !== 0) throw new Error(`the child failed: ${errors}`);
  return JSON.parse(output);
}
