import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/summary-reporter.ts';

// Tests run the sources of every package, never its dist.
const conditions = ['source'];

export default defineConfig({
  resolve: { conditions },
  ssr: {
    resolve: {
      // Not `module`: the AWS SDK has ES modules under it that only bundlers can load.
      conditions: [...conditions, 'node', 'development|production'],
      externalConditions: conditions,
    },
  },
  test: {
    // Inherited by worker threads and forked children, so that they too run the sources.
    execArgv: ['--conditions=source'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: 'default',
          include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'test/fault/**', 'test/stress/**'],
        },
      },
      { extends: true, test: { name: 'fault', include: ['test/fault/**/*.test.ts'], testTimeout: 600_000 } },
      {
        extends: true,
        test: { name: 'stress', include: ['test/stress/**/*.test.ts'], testTimeout: 3_600_000 },
      },
    ],
  },
});
