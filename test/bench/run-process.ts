import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessRun {
  readonly seconds: number;
  readonly stdout: string;
  /** Largest resident size seen, in MB (1e6); sampled, so a little low. */
  readonly peakMb: number;
}

const SAMPLE_EVERY_MS = 20;

/** Runs a command to its end; the clock covers the whole process. Throws with its stderr when it fails. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; cwd?: string } = {},
): Promise<ProcessRun> {
  const startMs = performance.now();
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  let peakMb = 0;
  const sampler = setInterval(() => {
    peakMb = Math.max(peakMb, residentMb(child.pid));
  }, SAMPLE_EVERY_MS);
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on('error', reject);
  child.on('close', resolve);
  const code = await promise.finally(() => clearInterval(sampler));
  const seconds = (performance.now() - startMs) / 1000;
  if (code !== 0)
    throw new Error(`${command} ${args.join(' ')} exited with ${code}: ${Buffer.concat(stderr).toString()}`);
  return { seconds, peakMb, stdout: Buffer.concat(stdout).toString() };
}

/** High-water mark of the resident size, from the kernel. */
function residentMb(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return (Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024) / 1e6;
  } catch {
    return 0;
  }
}
