import {
  ArtifactError,
  type Entry,
  encodeNames,
  type FileFailure,
  LIMITS,
  REFERENCE_ALGORITHM,
  type VersionRecord,
  type WriteFilesOutput,
} from '@waybill/core';
import { isStored, locateEntries, rawDigests } from './blob-lookup.ts';
import { compareEntries, isComparable } from './compare-entries.ts';
import { COMPARED } from './compared.ts';
import { FailureList } from './failure-list.ts';
import { localPathOf } from './file-reference.ts';
import type { OperationOptions, OperationPorts } from './operation-ports.ts';
import { versionName } from './resolve-version.ts';
import { TaskGroup } from './task-group.ts';
import { planWrites, type WritePlan, type WriteTask } from './write-plan.ts';

/** Entries planned together: enough to read each pack in few long runs, few enough to hold. */
const WINDOW_ENTRIES = 10_000;
/** Tasks waiting for a thread beyond those running, so that none idles while the next window is planned. */
const TASKS_AHEAD = 2;

export interface WriterRequest {
  readonly version: VersionRecord;
  readonly root: string;
  /** Whether files may be there already: they are compared first, and replaced when they differ. */
  readonly replace: boolean;
  /** For progress; absent when it is not known. */
  readonly entriesTotal?: number | undefined;
  readonly bytesTotal?: number | undefined;
}

export interface WriterTotals {
  readonly entries: number;
  readonly bytes: number;
  readonly written: number;
  readonly skipped: number;
}

type ReferenceSource = { readonly entry: Entry; readonly source: string };

/**
 * Writes entries of a version below a folder, in threads. What fails for single files is collected and thrown as one
 * error at the end; a full disk ends it at once. Memory is bounded by a window of entries and the tasks under way.
 */
export class VersionWriter implements AsyncDisposable {
  readonly #ports: OperationPorts;
  readonly #request: WriterRequest;
  readonly #options: OperationOptions;
  readonly #failures = new FailureList();
  readonly #tasks: TaskGroup;
  #window: Entry[] = [];
  #entries = 0;
  #bytes = 0;
  #written = 0;
  #skipped = 0;
  #bytesDone = 0;

  constructor(ports: OperationPorts, request: WriterRequest, options: OperationOptions) {
    this.#ports = ports;
    this.#request = request;
    this.#options = options;
    this.#tasks = new TaskGroup({
      limit: () => ports.pool.concurrency + TASKS_AHEAD,
      signal: options.signal,
    });
  }

  /** Takes entries in path order; resolves when there is room for more. */
  async add(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) {
      this.#window.push(entry);
      this.#entries++;
      this.#bytes += entry.sizeBytes ?? 0;
      if (this.#window.length >= WINDOW_ENTRIES) await this.#writeWindow();
    }
  }

  /**
   * Waits until everything is written.
   * @throws ArtifactError one for all files that could not be written: `CORRUPT`, `MISSING_BLOB`, `TARGET_CONFLICT`, ...
   */
  async finish(): Promise<WriterTotals> {
    await this.#writeWindow();
    await this.#tasks.finish();
    const { root, version } = this.#request;
    this.#failures.throwIfAny({
      subject: versionName(version),
      summary: (count) =>
        `${count} of ${this.#entries} files of ${versionName(version)} could not be written to ${root}`,
    });
    return { entries: this.#entries, bytes: this.#bytes, written: this.#written, skipped: this.#skipped };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
  }

  async #writeWindow(): Promise<void> {
    const window = this.#window;
    this.#window = [];
    if (window.length === 0) return;
    const entries = this.#request.replace ? await this.#withoutRightOnes(window) : window;
    await this.#startWrites(entries.filter(isStored));
    await this.#startCopies(entries.filter((entry) => !isStored(entry)));
  }

  /** Leaves out the entries whose file is there with the right content. */
  async #withoutRightOnes(window: readonly Entry[]): Promise<readonly Entry[]> {
    const { version, root } = this.#request;
    const comparable = window.filter(isComparable);
    const states = await compareEntries(this.#ports, { version, root, entries: comparable }, this.#options);
    const right = new Set(comparable.filter((_, index) => states[index] === COMPARED.same));
    for (const { sizeBytes } of right) this.#bytesDone += sizeBytes ?? 0;
    this.#skipped += right.size;
    this.#report();
    return window.filter((entry) => !right.has(entry));
  }

  async #startWrites(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    const plan = await this.#plan(entries, this.#options);
    for (const failure of plan.failures) this.#failures.add(failure);
    for (const task of plan.tasks) {
      await this.#tasks.start(async (signal) => {
        await this.#writeMoved(await this.#write(task, signal), signal);
      });
    }
  }

  async #plan(entries: readonly Entry[], options: OperationOptions): Promise<WritePlan> {
    const { version } = this.#request;
    const locations = await locateEntries(this.#ports, { version, entries }, options);
    return planWrites({ version, entries, locations, threads: this.#ports.pool.cpus });
  }

  /** Runs a task; answers the entries whose object was gone, which gc may have moved meanwhile. */
  async #write(task: WriteTask, signal: AbortSignal): Promise<Entry[]> {
    const { root, replace, version } = this.#request;
    const { objects } = task;
    const input = { root, replace, objects, algorithm: version.digestAlgorithm };
    const output = await this.#run(() => this.#ports.pool.run('writeFiles', input, { signal }));
    const gone = new Set(
      output.failures.filter(({ code }) => code === 'MISSING_BLOB').map(({ path }) => path),
    );
    this.#count(output, (failure) => !gone.has(failure.path));
    return gone.size === 0 ? [] : task.entries.filter(({ path }) => gone.has(path));
  }

  /** One more attempt, from where the contents lie now. */
  async #writeMoved(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    if (entries.length === 0) return;
    const { root, replace, version } = this.#request;
    const plan = await this.#plan(entries, { signal });
    for (const failure of plan.failures) this.#failures.add(failure);
    for (const { objects } of plan.tasks) {
      const input = { root, replace, objects, algorithm: version.digestAlgorithm };
      this.#count(await this.#run(() => this.#ports.pool.run('writeFiles', input, { signal })), () => true);
    }
  }

  /** References to local files are copied from where they are; nothing else can be fetched here. */
  async #startCopies(entries: readonly Entry[]): Promise<void> {
    const local: ReferenceSource[] = [];
    for (const entry of entries) {
      const source = localPathOf(entry.ref ?? '');
      if (source !== undefined && isComparable(entry)) local.push({ entry, source });
      else this.#failures.add(unfetchable(entry));
    }
    for (let start = 0; start < local.length; start += LIMITS.batchEntries) {
      const batch = local.slice(start, start + LIMITS.batchEntries);
      await this.#tasks.start((signal) => this.#copy(batch, signal));
    }
  }

  async #copy(batch: readonly ReferenceSource[], signal: AbortSignal): Promise<void> {
    const { root, replace, version } = this.#request;
    const entries = batch.map(({ entry }) => entry);
    const input = {
      root,
      replace,
      algorithm: REFERENCE_ALGORITHM,
      names: encodeNames(entries.map(({ path }) => path)),
      sources: encodeNames(batch.map(({ source }) => source)),
      digests: rawDigests(version, entries),
    };
    this.#count(await this.#run(() => this.#ports.pool.run('copyReferences', input, { signal })), () => true);
  }

  #count(output: WriteFilesOutput, counts: (failure: FileFailure) => boolean): void {
    this.#written += output.written;
    this.#bytesDone += output.bytes;
    for (const failure of output.failures) if (counts(failure)) this.#failures.add(failure);
    this.#report();
  }

  /** A full disk ends everything; the message says what was done and how to go on. */
  async #run(task: () => Promise<WriteFilesOutput>): Promise<WriteFilesOutput> {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof ArtifactError) || error.code !== 'NO_SPACE') throw error;
      throw new ArtifactError(
        'NO_SPACE',
        `${error.message}; ${this.#written} files were written before: make room and run the command again to go on`,
        { cause: error, details: error.details },
      );
    }
  }

  #report(): void {
    this.#options.onProgress?.({
      step: 'write',
      done: this.#written + this.#skipped + this.#failures.count,
      total: this.#request.entriesTotal,
      bytesDone: this.#bytesDone,
      bytesTotal: this.#request.bytesTotal,
    });
  }
}

function unfetchable(entry: Entry): FileFailure {
  return {
    path: entry.path,
    code: 'UNSUPPORTED',
    message: `it is a reference to ${entry.ref ?? 'nothing'}, which only a client of that place can fetch`,
  };
}
