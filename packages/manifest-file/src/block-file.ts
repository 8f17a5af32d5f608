import { ArtifactError } from '@waybill/core';
import { type ScratchFile, type ScratchFolder, scratchError } from './scratch-folder.ts';

/** u32: bytes of the block that follows. */
const BLOCK_HEADER_BYTES = 4;

/** Blocks are collected and written together from this size on. */
const WRITE_BYTES = 1_048_576;

/** A scratch file of blocks, written once from front to back, then read once from front to back. */
export class BlockFileWriter {
  readonly #folder: ScratchFolder;
  #file: ScratchFile | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #offset = 0;

  constructor(folder: ScratchFolder) {
    this.#folder = folder;
  }

  async append(block: Uint8Array): Promise<void> {
    const header = Buffer.alloc(BLOCK_HEADER_BYTES);
    header.writeUInt32LE(block.length);
    this.#pending.push(header, block);
    this.#pendingBytes += header.length + block.length;
    if (this.#pendingBytes >= WRITE_BYTES) await this.#flush();
  }

  /** Ends writing. */
  async finish(): Promise<BlockFileReader> {
    const file = await this.#flush();
    return new BlockFileReader(this.#folder, { file, sizeBytes: this.#offset });
  }

  async #flush(): Promise<ScratchFile> {
    this.#file ??= await this.#folder.create();
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.handle.write(
          bytes,
          done,
          bytes.length - done,
          this.#offset,
        );
        done += bytesWritten;
        this.#offset += bytesWritten;
      }
    } catch (error) {
      throw scratchError(error, this.#file.path);
    }
    return this.#file;
  }
}

/** Removes its file when it has been read to the end; one that is given up goes with its folder. */
export class BlockFileReader {
  readonly #folder: ScratchFolder;
  readonly #file: ScratchFile;
  readonly #sizeBytes: number;
  #offset = 0;

  constructor(folder: ScratchFolder, written: { file: ScratchFile; sizeBytes: number }) {
    this.#folder = folder;
    this.#file = written.file;
    this.#sizeBytes = written.sizeBytes;
  }

  async next(): Promise<Buffer | undefined> {
    if (this.#offset >= this.#sizeBytes) {
      await this.#folder.remove(this.#file);
      return undefined;
    }
    const header = await this.#read(BLOCK_HEADER_BYTES);
    return this.#read(header.readUInt32LE());
  }

  async #read(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    try {
      for (let done = 0; done < length; ) {
        const { bytesRead } = await this.#file.handle.read(bytes, done, length - done, this.#offset + done);
        if (bytesRead === 0) {
          throw new ArtifactError(
            'IO',
            `scratch file ${this.#file.path} lost its end while in use; try again`,
          );
        }
        done += bytesRead;
      }
    } catch (error) {
      throw scratchError(error, this.#file.path);
    }
    this.#offset += length;
    return bytes;
  }
}
