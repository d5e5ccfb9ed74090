import type { Reporter, TestModule } from 'vitest/node';

/** Ends the run with one plain line, `412 passed, 0 failed, 3 skipped`, that a CI can read. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      let any = false;
      for (const test of module.children.allTests()) {
        any = true;
        const { state } = test.result();
        count[state === 'pending' ? 'skipped' : state] += 1;
      }
      if (!any && module.state() === 'failed') count.failed += 1;
    }
    process.on('exit', () =>
      console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`),
    );
  }
}
