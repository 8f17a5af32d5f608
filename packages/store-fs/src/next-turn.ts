import { setImmediate } from 'node:timers/promises';

/** Lets the main loop do what is waiting, between stretches of synchronous work. */
export async function nextTurn(): Promise<void> {
  await setImmediate();
}
