export type { Embedded, EmbeddedOptions } from './embedded.ts';
export { openEmbedded } from './embedded.ts';
export type { FaultPlan } from './fault-points.ts';
export { createFaultPlan } from './fault-points.ts';
