/** Every size, count and window of the pipeline has its name here. Sizes in bytes, times in milliseconds. */
export const LIMITS = {
  /** A shard is closed at this many entries or source bytes, whichever comes first. */
  shardEntries: 10_000,
  shardBytes: 268_435_456,
  /** Names handed to a thread in one task. */
  batchEntries: 1_000,
  /** Files of at least this size are stored as objects of their own and hashed as streams. */
  largeFileBytes: 4_194_304,
  /** A pack is closed when the next batch would take it past this size. */
  packBytes: 67_108_864,
  /** Memory of one thread for whole small files. */
  arenaBytes: 8_388_608,
  /** Contents hashed side by side in one thread: as many as its kernel has lanes. */
  hashLanes: 16,
  /** Shards of one ingest worked on at the same time in one process. */
  shardsInFlight: 6,
  /** Subtrees walked ahead of the first unfinished one. */
  walkAhead: 16,
  /** Names one walk task returns before it hands back what is left. */
  walkNames: 20_000,
  /** A folder whose own inode is larger than this is read as a stream and sorted outside memory. */
  folderInodeBytes: 8_388_608,
  /** Names sorted in memory at once when a folder is sorted outside memory. */
  sortRunNames: 100_000,
  /** Segments merged at once; more are merged in a second pass. */
  mergeFanIn: 64,
  /** Attempts at reading a file that changes while it is read. */
  readAttempts: 3,
  /** Depth of folders in a walked tree. */
  walkDepth: 1_000,
  /** UTF-8 bytes of one entry path. */
  pathBytes: 8_192,
  nameChars: 128,
  aliasChars: 128,
  typeChars: 128,
  aliasesPerVersion: 1_000,
  metadataKeys: 100,
  metadataBytes: 4_194_304,
  descriptionBytes: 1_048_576,
  sourcesPerIngest: 1_000,
} as const;
