/** Wall clock, for what people see and for grace periods; never for correctness. */
export interface Clock {
  nowMs(): number;
}

/** Unique, unguessable names: `[a-z0-9]`, 20 characters or more. */
export interface Random {
  uniqueName(): string;
}

/**
 * A numbered place before an effect on disk or catalog, where tests stop a process. Does nothing in production.
 * Names are stable: `shard.segment.write`.
 */
export interface FaultPoints {
  reach(name: string): void;
}
