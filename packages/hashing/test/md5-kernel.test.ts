import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LIMITS } from '@waybill/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileKernel } from '../scripts/compile-kernel.ts';
import { embeddedWasm, KERNEL_FREE_FROM, KERNEL_LANES, Md5Kernel } from '../src/md5-kernel.ts';
import { referenceMd5, seededBytes } from './reference-digests.ts';

const BLOCK_BYTES = 64;
const MESSAGE_BYTES_MAX = 4096;
const DATA_AT = KERNEL_FREE_FROM;
const DIGEST_AT = DATA_AT + (KERNEL_LANES + 1) * MESSAGE_BYTES_MAX;
const MEMORY_BYTES = DIGEST_AT + MESSAGE_BYTES_MAX;

/** How one message is given to its lane: its length, and the blocks of each portion. */
interface Message {
  readonly lane: number;
  readonly bytes: Uint8Array;
  given: number;
  padded: boolean;
  digest: string | undefined;
}

/** Gives a resting lane the next portion of its message, or takes its digest. */
function moveOn(kernel: Md5Kernel, message: Message, blocksMax: number): void {
  const at = DATA_AT + message.lane * MESSAGE_BYTES_MAX;
  const left = message.bytes.length - message.given;
  if (message.padded) {
    kernel.digestLane(message.lane, DIGEST_AT);
    message.digest = new Uint8Array(kernel.memory, DIGEST_AT, 16).toHex();
  } else if (left < BLOCK_BYTES) {
    message.padded = true;
    const pointer = at + message.given;
    kernel.padLane(message.lane, { pointer, rest: left, totalBytes: message.bytes.length });
  } else {
    const blocks = Math.min(blocksMax, Math.floor(left / BLOCK_BYTES));
    kernel.feedLane(message.lane, at + message.given, blocks);
    message.given += blocks * BLOCK_BYTES;
  }
}

describe('the MD5 kernels', () => {
  test('the embedded module is what the sources compile to', async () => {
    const fresh = await compileKernel();
    expect(fresh.toHex() === embeddedWasm().toHex(), 'run `npm run build:wasm -w @waybill/hashing`').toBe(
      true,
    );
  });

  test('the lanes are as many as those who give out work count on', () => {
    expect(LIMITS.hashLanes).toBe(KERNEL_LANES);
  });

  test('a message may change kernels, lanes rest and code may be replaced at any block', () => {
    const turn = fc.record({
      /** Which lanes get something to do: few of them run alone, many of them together. */
      lanes: fc.oneof(
        fc.subarray([...Array(KERNEL_LANES).keys()], { minLength: 1, maxLength: 3 }),
        fc.subarray([...Array(KERNEL_LANES).keys()], { minLength: 4 }),
      ),
      blocksMax: fc.integer({ min: 1, max: 20 }),
      replace: fc.integer({ min: 0, max: 40 }).map((n) => n === 0),
    });
    const lengths = fc.array(fc.integer({ min: 0, max: MESSAGE_BYTES_MAX }), {
      minLength: KERNEL_LANES,
      maxLength: KERNEL_LANES,
    });
    fc.assert(
      fc.property(lengths, fc.infiniteStream(turn), (messageLengths, turns) => {
        const kernel = new Md5Kernel(MEMORY_BYTES);
        const memory = new Uint8Array(kernel.memory);
        const messages = messageLengths.map((length, lane): Message => {
          const bytes = seededBytes(length, lane);
          memory.set(bytes, DATA_AT + lane * MESSAGE_BYTES_MAX);
          kernel.startLane(lane);
          return { lane, bytes, given: 0, padded: false, digest: undefined };
        });
        while (messages.some(({ digest }) => digest === undefined)) {
          const next = turns.next();
          if (next.done === true) throw new Error('the turns ended');
          const { lanes, blocksMax, replace } = next.value;
          for (const message of messages) {
            const rests = kernel.laneBlocks(message.lane) === 0;
            if (rests && message.digest === undefined && lanes.includes(message.lane)) {
              moveOn(kernel, message, blocksMax);
            }
          }
          if (replace) kernel.replaceCode();
          kernel.advance();
        }
        expect(messages.map(({ digest }) => digest)).toEqual(
          messages.map(({ bytes }) => referenceMd5(bytes)),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('measuring the gain of the lanes in mid-message leaves them as they were', () => {
    const kernel = new Md5Kernel(MEMORY_BYTES);
    const memory = new Uint8Array(kernel.memory);
    const bytes = seededBytes(640, 1);
    memory.set(bytes, DATA_AT);
    kernel.startLane(0);
    kernel.feedLane(0, DATA_AT, 5);
    kernel.advance();
    kernel.feedLane(0, DATA_AT + 320, 5);
    expect(kernel.measureLaneGain()).toBeGreaterThan(1);
    expect(kernel.laneBlocks(0)).toBe(5);
    kernel.advance();
    kernel.padLane(0, { pointer: DATA_AT, rest: 0, totalBytes: 640 });
    kernel.advance();
    kernel.digestLane(0, DIGEST_AT);
    expect(memory.subarray(DIGEST_AT, DIGEST_AT + 16).toHex()).toBe(referenceMd5(bytes));
  });

  test('all lanes together are more than 2.5 times as fast as node:crypto, in a fresh process', async () => {
    const script = fileURLToPath(new URL('./print-lane-gain.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=source', script]);
    expect(Number(stdout)).toBeGreaterThan(2.5);
  });
});
