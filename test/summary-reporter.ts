import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

/**
 * Ends a run with what was skipped and why, and as its last line `N passed, N failed, N skipped`.
 *
 * The reason of a skipped test is the argument of its `context.skip(reason)`, else the name of the outermost skipped
 * suite around it. What breaks outside a test (a file that does not load, a failing hook, an unhandled rejection)
 * counts as failed.
 */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    const skipped = new Map<string, number>();
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'skipped') {
          counts.skipped += 1;
          const line = `${module.relativeModuleId}: ${result.note ?? outermostSkipped(test).fullName}`;
          skipped.set(line, (skipped.get(line) ?? 0) + 1);
        } else counts.failed += 1;
      }
    }
    for (const [line, testCount] of skipped) console.log(`!!! SKIPPED ${testCount} in ${line}`);
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}

function outermostSkipped(test: TestCase): TestCase | TestSuite {
  let found: TestCase | TestSuite = test;
  for (let parent = test.parent; parent.type === 'suite'; parent = parent.parent) {
    if (parent.state() === 'skipped') found = parent;
  }
  return found;
}
