import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '@waybill/core';

const NAME_BYTES = 12;

export const systemClock: Clock = { nowMs: () => Date.now() };

/** 24 hex digits from the system's random source. */
export const systemRandom: Random = { uniqueName: () => randomBytes(NAME_BYTES).toString('hex') };
