import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));

// Real timers, kernel events and random cases: whoever works on the code sees at once what fails now
// and then; CI looks twice before it turns a change down.
const retry = process.env["CI"] === "true" ? 1 : 0;

/** What talks to real servers of its own, or to Debian's packet tools, and so takes its time. */
const SERVERS = [
  "test/src/datastore/{etcd,kubernetes}/**/*.test.ts",
  "test/src/register/{etcd,kubernetes}.test.ts",
  "test/src/register/flannel/etcd-join.test.ts",
  "test/src/cli/{records,migrate,decode,encap}.test.ts",
];

// Three projects: `unit` needs nothing but Node; `servers` needs what the set-up installs; `kernel` needs root and
// makes network namespaces.
export default defineConfig({
  root,
  test: {
    reporters: ["default", "test/setup/summary-reporter.ts"],
    projects: [
      {
        root,
        test: {
          name: "unit",
          retry,
          include: ["test/**/*.test.ts"],
          exclude: ["test/netns/**", "test/kernel-ipip/**", ...SERVERS],
          // None should take long; on a machine under load the random ones do.
          testTimeout: 60_000,
        },
      },
      { root, test: { name: "servers", retry, include: SERVERS, testTimeout: 60_000 } },
      {
        root,
        test: {
          name: "kernel",
          retry,
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
