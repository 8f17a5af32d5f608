import { type Dirent, lstatSync, opendirSync, readdirSync, type Stats } from 'node:fs';
import { hasErrno } from './file-errors.ts';

/** Items asked of the system at once when a folder is streamed. */
const STREAM_ITEMS = 1_024;

/** What names in a folder can be, links not followed. */
export type ItemKind = 'file' | 'folder' | 'link' | 'socket' | 'fifo' | 'device' | 'special';

type Item = Pick<
  Dirent,
  'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isSocket' | 'isFIFO' | 'isCharacterDevice' | 'isBlockDevice'
>;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What an item is; a file system that does not say is asked with a stat. `undefined` when it is gone. */
export function kindOf(item: Item, path: string): ItemKind | undefined {
  const kind = knownKind(item);
  if (kind !== 'special') return kind;
  const found: Stats | undefined = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : knownKind(found);
}

function knownKind(item: Item): ItemKind {
  if (item.isFile()) return 'file';
  if (item.isDirectory()) return 'folder';
  if (item.isSymbolicLink()) return 'link';
  if (item.isSocket()) return 'socket';
  if (item.isFIFO()) return 'fifo';
  return item.isCharacterDevice() || item.isBlockDevice() ? 'device' : 'special';
}

/** All items of a folder. */
export function readItems(folder: string): Dirent[] {
  for (let attempt = 0; ; attempt++) {
    try {
      return readdirSync(folder, { withFileTypes: true });
    } catch (error) {
      // Where the file system does not say what items are, Node stats each, and one may have vanished meanwhile.
      const vanished = Error.isError(error) && 'syscall' in error && error.syscall === 'lstat';
      if (!vanished || attempt > 9) throw error;
    }
  }
}

/** The same without holding all of them. */
export function* streamItems(folder: string, encoding: 'utf8' | 'latin1' = 'utf8'): Generator<Dirent> {
  const handle = opendirSync(folder, { bufferSize: STREAM_ITEMS, encoding });
  try {
    for (let item = handle.readSync(); item !== null; item = handle.readSync()) yield item;
  } finally {
    handle.closeSync();
  }
}

/** A name as it is on disk, read again as bytes. */
export interface ByteName {
  readonly item: Dirent;
  /** `undefined` when the bytes are no UTF-8. */
  readonly name: string | undefined;
  /** For people: the name with the backslash and every byte that is no printable ASCII as `\xNN`. */
  readonly escaped: string;
}

/**
 * The items of a folder whose names read back with U+FFFD: the character itself is as good as any other, but bytes
 * that are no UTF-8 read back the same.
 */
export function* doubtfulNames(folder: string): Generator<ByteName> {
  // In Latin-1 each byte is one character.
  for (const item of streamItems(folder, 'latin1')) {
    const bytes = Buffer.from(item.name, 'latin1');
    if (!bytes.toString('utf8').includes('\ufffd')) continue;
    yield { item, name: decode(bytes), escaped: escapeBytes(bytes) };
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (hasErrno(error, 'ERR_ENCODING_INVALID_ENCODED_DATA')) return undefined;
    throw error;
  }
}

function escapeBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
