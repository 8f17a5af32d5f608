export type { ContentHasherOptions } from './content-hasher.ts';
export { createContentHasher } from './content-hasher.ts';
export { createDigests } from './digests.ts';
export { HashPermits, processorCount } from './hash-permits.ts';
export type { ThreadPoolOptions } from './thread-pool.ts';
export { createThreadPool } from './thread-pool.ts';
export type { TaskCall, ThreadEntry } from './thread-task.ts';
export { threadTask } from './thread-task.ts';
