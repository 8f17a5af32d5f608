/**
 * Writes the AssemblyScript of the two MD5 kernels, every step unrolled.
 *
 * One MD5 stream is a chain of 64 dependent steps a block, so a core is idle most of the time. The vector kernel
 * keeps several independent chains of four lanes in flight: `chains` vectors, each the state of four messages.
 * What matters, all of it measured:
 *
 * - The steps are written chain by chain within a step. V8 may reorder pure SIMD nodes so that the chains run one
 *   after the other, which loses all of the gain; a store of each chain's newest word every four steps pins the order.
 * - Message words are transposed once a block into a scratch area and loaded again by each step: sixteen of them
 *   in locals would spill. The round constants come from a table that holds each four times, for the same reason.
 * - A rotation is two shifts and an or; the one by 16 is a single shuffle.
 * - Round 2: (b & d) and (c & ~d) have no bit in common and are added one by one, which shortens the chain.
 * - Round 4: c ^ (b | ~d) = ~(c ^ (d & ~b)), and x + ~y = x - y - 1, so the step subtracts (c ^ (d & ~b)) and the table
 *   holds K - 1: one operation less.
 */

const STEPS = 64;
const STEPS_PER_ROUND = 16;
const PIN_EVERY_STEPS = 4;
const LANES_PER_CHAIN = 4;
const VECTOR_BYTES = 16;
/** Bytes of the scratch area of one chain: 16 words of four lanes. */
const SCRATCH_BYTES = 16 * VECTOR_BYTES;
const STATE_BYTES = 4 * VECTOR_BYTES;

const ROTATIONS: readonly (readonly number[])[] = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
];

/** Index of the message word that a step uses: (factor * step + offset) mod 16, by round. */
const WORD_ORDER: readonly (readonly [factor: number, offset: number])[] = [
  [1, 0],
  [5, 1],
  [3, 5],
  [7, 0],
];

interface Step {
  readonly round: number;
  readonly rotation: number;
  readonly word: number;
  readonly constant: number;
}

function md5Steps(): readonly Step[] {
  return Array.from({ length: STEPS }, (_, index) => {
    const round = Math.floor(index / STEPS_PER_ROUND);
    const [factor, offset] = WORD_ORDER[round] ?? [0, 0];
    return {
      round,
      rotation: ROTATIONS[round]?.[index % 4] ?? 0,
      word: (factor * index + offset) % 16,
      constant: Math.floor(Math.abs(Math.sin(index + 1)) * 2 ** 32) >>> 0,
    };
  });
}

type Registers = [a: string, b: string, c: string, d: string];

/** The step `a = b + rotate(a + f(b, c, d) + word + constant)` on four lanes. */
function vectorStep(
  step: Step,
  registers: Registers,
  operands: { word: string; constant: string },
): string[] {
  const [a, b, c, d] = registers;
  const sum = `i32x4.add(i32x4.add(${a}, ${operands.constant}), ${operands.word})`;
  const mixed = [
    `i32x4.add(${sum}, v128.xor(${d}, v128.and(${b}, v128.xor(${c}, ${d}))))`,
    `i32x4.add(i32x4.add(${sum}, v128.andnot(${c}, ${d})), v128.and(${b}, ${d}))`,
    `i32x4.add(${sum}, v128.xor(${b}, v128.xor(${c}, ${d})))`,
    `i32x4.sub(${sum}, v128.xor(${c}, v128.andnot(${d}, ${b})))`,
  ][step.round];
  const rotated =
    step.rotation === 16
      ? `v128.shuffle<i16>(${a}, ${a}, 1, 0, 3, 2, 5, 4, 7, 6)`
      : `v128.or(i32x4.shl(${a}, ${step.rotation}), i32x4.shr_u(${a}, ${32 - step.rotation}))`;
  return [`${a} = ${mixed};`, `${a} = i32x4.add(${rotated}, ${b});`];
}

/** Loads 16 bytes of each lane of a chain, four times, and stores them as 16 vectors of one word of each lane. */
function transposeChain(chain: number): string[] {
  const lines: string[] = [];
  for (let lane = 0; lane < LANES_PER_CHAIN; lane++) {
    lines.push(`p${lane} = <usize>load<u32>(POINTERS, ${(chain * LANES_PER_CHAIN + lane) * 4}) + offset;`);
  }
  for (let quarter = 0; quarter < 4; quarter++) {
    const at = chain * SCRATCH_BYTES + quarter * 4 * VECTOR_BYTES;
    for (let lane = 0; lane < LANES_PER_CHAIN; lane++) {
      lines.push(`x${lane} = v128.load(p${lane}, ${quarter * VECTOR_BYTES});`);
    }
    lines.push(
      'y0 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);',
      'y1 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);',
      'y2 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);',
      'y3 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);',
      `v128.store(SCRATCH, v128.shuffle<i64>(y0, y1, 0, 2), ${at});`,
      `v128.store(SCRATCH, v128.shuffle<i64>(y0, y1, 1, 3), ${at + VECTOR_BYTES});`,
      `v128.store(SCRATCH, v128.shuffle<i64>(y2, y3, 0, 2), ${at + 2 * VECTOR_BYTES});`,
      `v128.store(SCRATCH, v128.shuffle<i64>(y2, y3, 1, 3), ${at + 3 * VECTOR_BYTES});`,
    );
  }
  return lines;
}

function eachRegister(
  chains: number,
  line: (register: string, chain: number, word: number) => string,
): string[] {
  return Array.from({ length: chains }, (_, chain) =>
    ['a', 'b', 'c', 'd'].map((word, index) => line(`${word}${chain}`, chain, index)),
  ).flat();
}

function vectorKernel(chains: number, steps: readonly Step[]): string[] {
  const registers = Array.from(
    { length: chains },
    (_, chain): Registers => [`a${chain}`, `b${chain}`, `c${chain}`, `d${chain}`],
  );
  const stateAt = (chain: number, word: number): number => chain * STATE_BYTES + word * VECTOR_BYTES;
  const lines = [
    '/** Runs that many blocks of every lane, each from its own pointer; pointers stay as they are. */',
    'export function runVector(blocks: u32): void {',
    ...eachRegister(
      chains,
      (name, chain, word) => `let ${name} = v128.load(STATE, ${stateAt(chain, word)});`,
    ),
    ...Array.from({ length: 4 }, (_, i) => `let x${i}: v128; let y${i}: v128; let p${i}: usize;`),
    'let offset: usize = 0;',
    'const end: usize = <usize>blocks << 6;',
    'while (offset < end) {',
    ...Array.from({ length: chains }, (_, chain) => transposeChain(chain)).flat(),
    ...eachRegister(chains, (name) => `const ${name}Before = ${name};`),
  ];
  for (const [index, step] of steps.entries()) {
    for (const [chain, chainRegisters] of registers.entries()) {
      const word = `v128.load(SCRATCH, ${chain * SCRATCH_BYTES + step.word * VECTOR_BYTES})`;
      const constant = `v128.load(CONSTANTS, ${index * VECTOR_BYTES})`;
      lines.push(...vectorStep(step, chainRegisters, { word, constant }));
      chainRegisters.unshift(...chainRegisters.splice(3));
    }
    if (index % PIN_EVERY_STEPS !== PIN_EVERY_STEPS - 1) continue;
    for (const [chain, [, newest]] of registers.entries()) {
      lines.push(`v128.store(PINS, ${newest}, ${chain * VECTOR_BYTES});`);
    }
  }
  lines.push(
    ...eachRegister(chains, (name) => `${name} = i32x4.add(${name}, ${name}Before);`),
    'offset += 64;',
    '}',
    ...eachRegister(chains, (name, chain, word) => `v128.store(STATE, ${name}, ${stateAt(chain, word)});`),
    '}',
  );
  return lines;
}

/** The same step on one lane, in plain integers. */
function scalarStep(step: Step, registers: Registers): string {
  const [a, b, c, d] = registers;
  const word = `load<u32>(at, ${step.word * 4})`;
  const sum = `${a} + ${step.constant} + ${word}`;
  const mixed = [
    `${sum} + (${d} ^ (${b} & (${c} ^ ${d})))`,
    `${sum} + (${c} & ~${d}) + (${b} & ${d})`,
    `${sum} + (${b} ^ (${c} ^ ${d}))`,
    `${sum} + (${c} ^ (${b} | ~${d}))`,
  ][step.round];
  return `${a} = rotl<u32>(${mixed}, ${step.rotation}) + ${b};`;
}

function scalarKernel(steps: readonly Step[]): string[] {
  const registers: Registers = ['a', 'b', 'c', 'd'];
  const words = ['a', 'b', 'c', 'd'];
  const lines = [
    '/** Runs that many blocks of one lane from its pointer, which stays as it is. */',
    'export function runScalar(lane: u32, blocks: u32): void {',
    `const state: usize = STATE + <usize>(lane >> 2) * ${STATE_BYTES} + <usize>(lane & 3) * 4;`,
    'let at: usize = <usize>load<u32>(POINTERS + (<usize>lane << 2));',
    'const end: usize = at + (<usize>blocks << 6);',
    ...words.map((word, index) => `let ${word} = load<u32>(state, ${index * VECTOR_BYTES});`),
    'while (at < end) {',
    ...words.map((word) => `const ${word}Before = ${word};`),
  ];
  for (const step of steps) {
    lines.push(scalarStep(step, registers));
    registers.unshift(...registers.splice(3));
  }
  lines.push(
    ...words.map((word) => `${word} += ${word}Before;`),
    'at += 64;',
    '}',
    ...words.map((word, index) => `store<u32>(state, ${word}, ${index * VECTOR_BYTES});`),
    '}',
  );
  return lines;
}

/** Source of the module `./kernels.generated` that `assembly/md5.ts` imports. */
export function kernelSource(chains: number): string {
  const steps = md5Steps();
  const table = steps.flatMap(({ constant, round }) =>
    Array.from({ length: LANES_PER_CHAIN }, () => (round === 3 ? (constant - 1) >>> 0 : constant)),
  );
  return [
    "import { PINS, POINTERS, SCRATCH, STATE } from './layout';",
    `export const LANES: u32 = ${chains * LANES_PER_CHAIN};`,
    `const CONSTANTS: usize = memory.data<u32>([${table.join(', ')}], ${VECTOR_BYTES});`,
    ...vectorKernel(chains, steps),
    ...scalarKernel(steps),
    '',
  ].join('\n');
}
