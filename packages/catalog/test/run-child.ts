import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ChildTask } from './catalog-child.ts';

const PROGRAM = fileURLToPath(new URL('./catalog-child.ts', import.meta.url));

export interface Child {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>;
  /** The next answer; `undefined` when there is none any more. */
  answer(): Promise<unknown>;
  /** How it ended, when it has. */
  ended: Promise<{ code: number | null; signal: string | null; stderr: string }>;
}

/** Another process at work on the same files. */
export function startChild(task: ChildTask): Child {
  const child = spawn(process.execPath, ['--conditions=source', PROGRAM, JSON.stringify(task)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const { promise: ended, resolve } = Promise.withResolvers<Awaited<Child['ended']>>();
  child.once('close', (code, signal) => resolve({ code, signal, stderr }));
  return {
    process: child,
    async answer() {
      const line = await lines.next();
      return line.done === true ? undefined : (JSON.parse(line.value) as unknown);
    },
    ended,
  };
}

/** All answers of a process that ends by itself. */
export async function runChild(task: ChildTask): Promise<unknown[]> {
  const child = startChild(task);
  const answers: unknown[] = [];
  for (let answer = await child.answer(); answer !== undefined; answer = await child.answer()) {
    answers.push(answer);
  }
  const { code, stderr } = await child.ended;
  if (code !== 0) throw new Error(`the process ended with ${code}: ${stderr}`);
  return answers;
}
