import { randomBytes } from 'node:crypto';
import type { Random } from '@waybill/core';

export const random: Random = { uniqueName: () => randomBytes(10).toHex() };
