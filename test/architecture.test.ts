import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RULES } from "./support/architecture.ts";
import { readSource, type SourceFile } from "./support/source-file.ts";

const ROOT = join(import.meta.dirname, "..");

function sources(): SourceFile[] {
  return ["encap", "tunnels", "src", "test", "bench"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.m?[jt]s$/.test(name))
      .map((name) => `${folder}/${name}`)
      .map((path) => readSource(path, readFileSync(join(ROOT, path), "utf8"))),
  );
}

describe("this repository", () => {
  const files = sources();

  test("is read whole", () => {
    const paths = files.map(({ path }) => path);
    expect(paths).toContain("encap/address/cidr.ts");
    expect(paths).toContain("test/architecture.test.ts");
    const overlay = files.find(({ path }) => path === "tunnels/desired/overlay.ts");
    expect(overlay?.imports.map(({ target }) => target)).toContain("tunnels/desired/cluster.ts");
  });

  test.each(Object.entries(RULES))("keeps to the rule: %s", (_, rule) => {
    expect(rule(files)).toEqual([]);
  });
});

/** Path -> text of made-up sources, and what the rule says to them. */
interface RuleCase {
  readonly rule: RegExp;
  readonly files: Readonly<Record<string, string>>;
  readonly findings: readonly string[];
}

const CASES: Readonly<Record<string, RuleCase>> = {
  "encap reaches up to tunnels": {
    rule: /^imports go/,
    files: { "encap/vxlan.ts": 'import type { Vtep } from "../tunnels/model/vtep.ts";' },
    findings: [
      "encap/vxlan.ts imports tunnels/model/vtep.ts, but encap may import only encap/address, encap/header",
    ],
  },
  "addresses know of encapsulations": {
    rule: /^imports go/,
    files: { "encap/address/cidr.ts": 'export type A = import("../encap-mode.ts").EncapMode;' },
    findings: [
      "encap/address/cidr.ts imports encap/encap-mode.ts, but encap/address may import only itself",
    ],
  },
  "the reconciler hears of pools": {
    rule: /^imports go/,
    files: {
      "tunnels/reconcile/held-keys.ts": 'import { PoolIndex } from "../desired/pool-index.ts";',
    },
    findings: [
      "tunnels/reconcile/held-keys.ts imports tunnels/desired/pool-index.ts, but tunnels/reconcile " +
        "may import only tunnels/kernel, encap/address",
    ],
  },
  "tunnels asks the shell": {
    rule: /^imports go/,
    files: { "tunnels/desired/mtu.ts": 'const log = await import("../../src/observe/log.ts");' },
    findings: [
      "tunnels/desired/mtu.ts imports src/observe/log.ts, but tunnels/desired may import only " +
        "tunnels/model, tunnels/kernel, encap",
    ],
  },
  "datastore and netlink know each other": {
    rule: /^imports go/,
    files: {
      "src/datastore/file.ts": 'import "../netlink/link.ts";',
      "src/netlink/link.ts": 'export { x } from "../datastore/file.ts";',
    },
    findings: [
      "src/datastore/file.ts imports src/netlink/link.ts, but src/datastore may import only " +
        "src/config, src/errors.ts, src/lazy-yaml.ts, src/turns.ts, src/version.ts, tunnels/model, " +
        "encap/address, encap/encap-mode.ts",
      "src/netlink/link.ts imports src/datastore/file.ts, but src/netlink may import only " +
        "src/native, src/errors.ts, tunnels/kernel, encap/address",
    ],
  },
  "a command makes system calls": {
    rule: /^imports go/,
    files: { "src/cli/status.ts": 'import { openSocket } from "../native/linux.ts";' },
    findings: [expect.stringMatching(/^src\/cli\/status.ts imports src\/native\/linux.ts, but/)],
  },
  "one file may, its neighbour may not": {
    rule: /^imports go/,
    files: {
      "src/observe/systemd.ts": 'import { sendDatagram } from "../native/linux.ts";',
      "src/observe/log.ts": 'import { sendDatagram } from "../native/linux.ts";',
    },
    findings: [expect.stringMatching(/^src\/observe\/log.ts imports src\/native\/linux.ts, but/)],
  },
  "the product uses the tests": {
    rule: /^imports go/,
    files: { "src/agent.ts": 'import { FakeKernel } from "../test/support/fake-kernel.ts";' },
    findings: [expect.stringMatching(/^src\/agent.ts imports test\/support\/fake-kernel.ts, but/)],
  },
  "a folder that nobody placed": {
    rule: /^imports go/,
    files: { "src/metrics/counter.ts": "export const COUNT = 1;" },
    findings: [
      "src/metrics/counter.ts belongs to no area; say in test/support/architecture.ts what it may import",
    ],
  },
  "a circle of types": {
    rule: /circle/,
    files: {
      "tunnels/kernel/c.ts": 'import type { A } from "./a.ts";',
      "tunnels/kernel/a.ts": 'import type { B } from "./b.ts";',
      "tunnels/kernel/b.ts": 'import { type C } from "./c.ts";',
      "tunnels/kernel/d.ts": 'import "./a.ts"; import "./e.ts";',
      "tunnels/kernel/e.ts": 'import "./a.ts";',
    },
    findings: [
      "tunnels/kernel/a.ts -> tunnels/kernel/b.ts -> tunnels/kernel/c.ts -> tunnels/kernel/a.ts",
    ],
  },
  "a file that imports itself": {
    rule: /circle/,
    files: { "src/turns.ts": 'import "./turns.ts";' },
    findings: ["src/turns.ts -> src/turns.ts"],
  },
  "packages in pure code": {
    rule: /are pure/,
    files: {
      "tunnels/desired/mtu.ts": 'import { readFileSync } from "node:fs";',
      "encap/address/cidr.ts": 'import { Address4 } from "ip-address";',
      "encap/address/ip-address.ts": 'import { Address4 } from "ip-address";',
      "tunnels/model/vtep.ts": 'import { createHash } from "node:crypto";',
      "src/agent.ts": 'import "node:fs";',
    },
    findings: [
      'tunnels/desired/mtu.ts imports "node:fs", but pure code uses no package that is not listed for it',
      'encap/address/cidr.ts imports "ip-address", but pure code uses no package that is not listed for it',
    ],
  },
  "effects in pure code": {
    rule: /are pure/,
    files: Object.fromEntries(
      [
        "process.env",
        "console.log(1)",
        "Date.now()",
        "new Date()",
        "performance.now()",
        "Math.random()",
        "Math.max(setTimeout(f, 1), 2)",
        "setImmediate(f)",
        "globalThis.x",
        "`${" + "process.pid}`",
        'require("node:fs")',
        "import.meta.url",
      ].map((text, at) => [`tunnels/x${at}.ts`, `export const x = ${text};`]),
    ),
    findings: [
      "process",
      "console",
      "Date",
      "Date",
      "performance",
      "Math.random",
      "setTimeout",
      "setImmediate",
      "globalThis",
      "process",
      "require",
      "import.meta",
    ].flatMap((name, at) => [
      ...(name === "require"
        ? [
            `tunnels/x${at}.ts imports "node:fs", but pure code uses no package that is not listed for it`,
          ]
        : []),
      `tunnels/x${at}.ts uses ${name}, but pure code depends on its input alone`,
    ]),
  },
  "words that only look like effects": {
    rule: /are pure/,
    files: {
      "tunnels/x.ts": [
        "// process.exit, console.log",
        "/* Date.now() */",
        'const text = "process.env";',
        "const other = `console.log $" + "{text} Date`;",
        "const pattern = /process/.test(text) || a / b / Math.max(1);",
        "const random = options.random(); options.process.now(); reprocess(); $console;",
      ].join("\n"),
    },
    findings: [],
  },
  "errors in pure code": {
    rule: /throw only/,
    files: {
      "encap/x.ts": 'throw new Error("x"); throw new RangeError("y"); throw reason;',
      "src/agent.ts": 'throw new Error("x");',
    },
    findings: [
      "encap/x.ts throws Error; everything but bad text and a bad range is a return value",
      "encap/x.ts throws reason; everything but bad text and a bad range is a return value",
    ],
  },
  "a long file": {
    rule: /at most 300 lines/,
    files: { "src/agent.ts": "\n".repeat(300), "src/turns.ts": `${"\n".repeat(300)};` },
    findings: ["src/turns.ts has 301 lines; it holds more than one idea"],
  },
  barrels: {
    rule: /no barrels/,
    files: {
      "tunnels/model/index.ts": "export const a = 1;",
      "src/observe/all.ts": 'export * from "./log.ts"; export type { B } from "./status.ts";',
      "src/observe/own.ts": 'import { a } from "./log.ts"; export { b }; export const c = "from";',
    },
    findings: [
      "tunnels/model/index.ts is an index file",
      'src/observe/all.ts exports again what "./log.ts" owns',
      'src/observe/all.ts exports again what "./status.ts" owns',
    ],
  },
  "vague names": {
    rule: /names say/,
    files: {
      "src/cli/utils.ts": "",
      "test/support/helpers.test.ts": "",
      "tunnels/common/mtu.ts": "",
      "src/cli/commonalities.ts": "",
    },
    findings: [
      'src/cli/utils.ts "utils" could hold anything',
      'test/support/helpers.test.ts "helpers" could hold anything',
      'tunnels/common/mtu.ts "common" could hold anything',
    ],
  },
  "exits away from main.ts": {
    rule: /only main\.ts/,
    files: {
      "src/main.ts": "process.exit(0);",
      "src/cli/run.ts": "process . exit(0);",
      "src/cli/plan.ts": "process.exitCode = 2; process.once(signal, stop);",
      "src/demo/site.ts": 'import { exit } from "node:process"; exit(1);',
    },
    findings: [
      "src/cli/run.ts ends the process: throw, or set process.exitCode",
      "src/demo/site.ts ends the process: throw, or set process.exitCode",
    ],
  },
  "default exports": {
    rule: /exports have names/,
    files: {
      "src/agent.ts": "export default class Agent {}",
      "bench/first-sync.ts": "export { run as default };",
      "test/vitest.config.ts": "export default {};",
    },
    findings: ["src/agent.ts has a default export", "bench/first-sync.ts has a default export"],
  },
};

describe("the rules", () => {
  test.each(Object.entries(CASES))("find: %s", (_, { rule: name, files, findings }) => {
    const rule = Object.entries(RULES).find(([text]) => name.test(text))?.[1];
    const read = Object.entries(files).map(([path, text]) => readSource(path, text));
    expect(rule?.(read)).toEqual(findings);
  });

  test("each have a case", () => {
    const tried = Object.values(CASES).filter(({ findings }) => findings.length > 0);
    for (const text of Object.keys(RULES)) {
      expect(
        tried.some(({ rule }) => rule.test(text)),
        text,
      ).toBe(true);
    }
  });
});
