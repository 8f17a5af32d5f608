#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=5 --max-old-space-size=512
// These keep the memory of large ingests down, and cannot be set any later than here. By default V8 lets garbage grow in
// proportion to what it may take of the machine, and glibc keeps freed memory for each thread apart.
//
// Only old syntax here, no static imports, no top-level await: a Node.js too old for the rest of Waybill must
// still be able to parse this file, so that it can say what is missing instead of throwing a syntax error.

const REQUIRED_NODE_MAJOR = 26;

async function start(): Promise<void> {
  // Compiled code is kept between runs, which about halves the start-up of short commands.
  process.getBuiltinModule('node:module').enableCompileCache();
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2));
}

if (Number.parseInt(process.versions.node, 10) >= REQUIRED_NODE_MAJOR) {
  start().catch((error: unknown) => {
    process.exitCode = 1;
    console.error(error);
  });
} else {
  process.exitCode = 1;
  console.error(
    'waybill needs Node.js ' +
      REQUIRED_NODE_MAJOR +
      ' or newer and this is ' +
      process.version +
      ': run it as "npx waybill" inside the repository, which uses the pinned one, or install a newer Node.js.',
  );
}
