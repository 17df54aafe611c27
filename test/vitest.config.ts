import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));

// Two projects: `unit` needs nothing but Node; `kernel` needs root and makes network namespaces.
export default defineConfig({
  root,
  test: {
    reporters: ["default", "test/setup/summary-reporter.ts"],
    projects: [
      {
        root,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/netns/**", "test/kernel-ipip/**"],
          // None should take long; on a machine under load the random ones do.
          testTimeout: 60_000,
        },
      },
      {
        root,
        test: {
          name: "kernel",
          include: ["test/netns/**/*.test.ts", "test/kernel-ipip/**/*.test.ts"],
          globalSetup: "test/setup/build.ts",
          // After the unit tests: here the machine's two cores are wanted.
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
