// AssemblyScript. Where everything lies in the memory; room for 32 lanes. The compiler's own data (the table of round
// constants) begins at 1024. Fixed addresses keep zeroed areas out of the module and make loads one instruction.

/** State of lane l, word w: the u32 at (l / 4) * 64 + w * 16 + (l % 4) * 4. */
export const STATE: usize = 4096;
/** Address of the next block of each lane, u32. */
export const POINTERS: usize = 4608;
/** Blocks of each lane that lie ready at its pointer, u32; 0 = the lane rests. */
export const BLOCKS: usize = 4736;
/** The span each lane is on, and whether its padding is already running; used by `hashSpans` only. */
export const SPANS: usize = 4864;
export const PADDED: usize = 4992;
/** Target of the stores that keep the order of the chains. */
export const PINS: usize = 5120;
export const CLASS_STARTS: usize = 5376;
/** The 16 message words of each chain, transposed. */
export const SCRATCH: usize = 6144;
/**
 * The last one or two blocks of each lane with their padding: the message itself is never written to. While a lane rests,
 * its state is kept here.
 */
export const TAILS: usize = 8192;
/** First byte that is free for messages and tables. */
export const FREE: usize = 12288;
