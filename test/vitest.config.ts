import { defineConfig } from "vitest/config";

// Two projects: `unit` needs nothing but Node; `kernel` needs root and makes network namespaces.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          root: "..",
          include: ["test/**/*.test.ts"],
          exclude: ["test/netns/**", "test/kernel-ipip/**"],
        },
      },
      {
        test: {
          name: "kernel",
          root: "..",
          include: ["test/netns/**/*.test.ts", "test/kernel-ipip/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
