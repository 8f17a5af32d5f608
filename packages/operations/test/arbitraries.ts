import fc from 'fast-check';
import { bytesOf, type Content } from './memory-world.ts';

/** Names that sort differently in UTF-8, in UTF-16 and with or without "/" behind them. */
const NAMES = ['a', 'b', 'a-', 'a.', 'a0', 'ab', 'é', '\uffee', '\u{1f600}', 'new\nline', 'back\\slash'];
/** Around the size of a thread's memory, and the sizes that make a file large. */
const SIZES = [0, 1, 2, 40, 100, 255, 256, 257, 511, 512, 700];

export const content: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.constantFrom(...SIZES), fc.integer({ min: 0, max: 3 }))
  .map(([size, kind]) => bytesOf(String(kind).repeat(size)));

const path: fc.Arbitrary<string> = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'));

/** A tree of files: no path is also a folder of another. */
export function tree(value: fc.Arbitrary<Content> = content): fc.Arbitrary<Map<string, Content>> {
  return fc.array(fc.tuple(path, value), { maxLength: 25 }).map((files) => {
    const found = new Map<string, Content>();
    for (const [name, bytes] of files) if (!clashes(found, name)) found.set(name, bytes);
    return found;
  });
}

/** Whether a path is there, or is above or below one that is. */
export function clashes(there: ReadonlyMap<string, unknown>, name: string): boolean {
  for (const other of there.keys()) {
    if (other === name || other.startsWith(`${name}/`) || name.startsWith(`${other}/`)) return true;
  }
  return false;
}
