import { setTimeout } from 'node:timers/promises';
import { throwIfCancelled } from '@waybill/core';

/** Waiting between attempts at one request. */
export interface RetryPolicy {
  /** Attempts in all. */
  readonly attempts: number;
  readonly baseMs: number;
  readonly capMs: number;
}

/** Outlasts a server that is away for 20 seconds. */
export const USUAL_RETRIES: RetryPolicy = { attempts: 10, baseMs: 200, capMs: 8_000 };

const RETRY_AFTER_MAX_MS = 60_000;
/** Waits differ by up to this share, so that clients which failed together do not come back together. */
const JITTER = 0.3;

/** Before attempt `attempt + 1`: doubling up to a cap, never less than the server asks for. `chance` is in [0, 1). */
export function backoffMs(
  policy: RetryPolicy,
  failed: { attempt: number; retryAfterMs: number | undefined; chance: number },
): number {
  const whole = Math.min(policy.capMs, policy.baseMs * 2 ** (failed.attempt - 1));
  const waitMs = whole * (1 - JITTER * failed.chance);
  return Math.max(waitMs, Math.min(failed.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS));
}

/** `Retry-After` of RFC 9110 in milliseconds: a number of seconds or a date. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** @throws ArtifactError `CANCELLED` */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throwIfCancelled(signal);
    throw error;
  }
}
