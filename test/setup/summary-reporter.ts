// Closes a run with the line `N passed, N failed, N skipped`, and above it every skipped test with its reason.
// A test file that does not load, a failing hook and an error outside any test count as one failure each. In CI a
// skipped kernel test is a failure too: a machine that cannot run it must not look green.

import type { Reporter, TestCase, TestModule } from "vitest/node";

// biome-ignore lint/style/noDefaultExport: vitest takes a reporter from a default export
export default class SummaryReporter implements Reporter {
  private passed = 0;
  private readonly failed: string[] = [];
  private readonly skipped: string[] = [];

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message: string }[]): void {
    const { CAUSEWAY_FAILED_GATES: gates = "" } = process.env;
    for (const gate of gates.split(" ")) {
      if (gate !== "") this.failed.push(`${gate}: its findings stand at the top`);
    }
    for (const module of modules) this.countModule(module);
    for (const error of unhandled) this.failed.push(`outside any test: ${error.message}`);
    if (this.failed.length > 0) process.exitCode = 1;
    // At exit, so that nothing that another reporter prints comes after it.
    process.once("exit", () => this.print());
  }

  private countModule(module: TestModule): void {
    for (const test of module.children.allTests()) this.countTest(test);
    if (module.errors().length > 0) {
      this.failed.push(`${module.relativeModuleId}: did not load, or a hook failed`);
    }
    for (const suite of module.children.allSuites()) {
      if (suite.errors().length > 0) {
        this.failed.push(`${module.relativeModuleId} > ${suite.fullName}: a hook failed`);
      }
    }
  }

  private countTest(test: TestCase): void {
    const result = test.result();
    const name = `${test.module.relativeModuleId} > ${test.fullName}`;
    if (result.state === "passed") this.passed += 1;
    else if (result.state === "failed") this.failed.push(name);
    else {
      const reason = (result.state === "skipped" && result.note) || "no reason given";
      const { CI } = process.env;
      const refused = CI === "true" && test.project.name === "kernel";
      (refused ? this.failed : this.skipped).push(`${name}: skipped: ${reason}`);
    }
  }

  private print(): void {
    for (const name of this.skipped) console.log(`  ${name}`);
    for (const name of this.failed) console.log(`  FAILED ${name}`);
    console.log(
      `\n${this.passed} passed, ${this.failed.length} failed, ${this.skipped.length} skipped`,
    );
  }
}
