/**
 * The rules of the layout: who may import whom, and what the pure folders must not touch. Each rule
 * takes the sources and returns its findings as lines that say what is wrong and why.
 */
import type { SourceFile } from "./source-file.ts";

export type Rule = (files: readonly SourceFile[]) => string[];

/**
 * What the files of each area may import besides each other. An area is the longest of these paths
 * that a file is in; what is not listed is forbidden, and so is an area that is not.
 */
const AREAS: Readonly<Record<string, readonly string[]>> = {
  "encap/address": [],
  "encap/header": ["encap/address"],
  encap: ["encap/address", "encap/header"],
  // Capture files: nothing on a packet's way knows of them.
  "encap/capture": ["encap"],

  "tunnels/model": ["encap/address", "encap/encap-mode.ts"],
  "tunnels/kernel": ["encap/address"],
  // Who takes which block and address: it decides on values, others read and write them.
  "tunnels/ipam": ["tunnels/desired", "tunnels/model", "tunnels/kernel", "encap"],
  "tunnels/desired": ["tunnels/model", "tunnels/kernel", "encap"],
  // It has never heard of pools, blocks or nodes.
  "tunnels/reconcile": ["tunnels/kernel", "encap/address"],

  "src/errors.ts": [],
  "src/turns.ts": [],
  "src/lazy-yaml.ts": [],
  "src/version.ts": [],
  "src/mark-wanted.ts": ["tunnels"],
  "src/network-style.ts": ["src/config", "tunnels"],
  "src/native": ["src/errors.ts", "encap/header"],
  "src/capture": ["src/native", "src/errors.ts", "encap"],
  "src/netlink": ["src/native", "src/errors.ts", "tunnels/kernel", "encap/address"],
  "src/userspace": ["src/native", "src/errors.ts", "encap"],
  "src/config": [
    "src/errors.ts",
    "src/lazy-yaml.ts",
    "tunnels/ipam/node-address.ts",
    "tunnels/model",
    "encap/address",
  ],
  "src/datastore": [
    "src/config",
    "src/errors.ts",
    "src/lazy-yaml.ts",
    "src/turns.ts",
    "src/version.ts",
    "tunnels/model",
    "encap/address",
    "encap/encap-mode.ts",
  ],
  "src/observe": [
    "src/agent.ts",
    "src/datastore/datastore.ts",
    "src/errors.ts",
    "src/userspace/data-path.ts",
    "src/version.ts",
    "encap",
    "tunnels",
  ],
  // Keeps the data path at what the overlay wants.
  "src/forwarding.ts": [
    "src/errors.ts",
    "src/observe/log.ts",
    "src/turns.ts",
    "src/userspace/data-path.ts",
    "encap/forwarding-plan.ts",
    "tunnels",
  ],
  // Writes this node's records, and what address management keeps for it.
  "src/register": [
    "src/config",
    "src/datastore",
    "src/errors.ts",
    "src/observe/log.ts",
    "src/turns.ts",
    "encap/address",
    "tunnels",
  ],
  // What operators do to the records of a datastore.
  "src/admin": [
    "src/config",
    "src/datastore",
    "src/errors.ts",
    "src/register/change-record.ts",
    "tunnels/model",
    "encap/address",
  ],
  // Lets pods into the overlay through other people's plugins.
  "src/cni": ["src/errors.ts", "src/observe/log.ts", "encap/address", "tunnels"],
  "src/agent.ts": [
    "src/cni",
    "src/config",
    "src/datastore",
    "src/errors.ts",
    "src/forwarding.ts",
    "src/mark-wanted.ts",
    "src/network-style.ts",
    "src/observe",
    "src/register",
    "src/turns.ts",
    "src/userspace/data-path.ts",
    "tunnels",
  ],
  // A cluster on this machine: it opens sockets in network namespaces, and asks agents as a command does.
  "src/demo": [
    "src/cli/agent-client.ts",
    "src/cli/text.ts",
    "src/datastore/etcd",
    "src/datastore/record-store.ts",
    "src/errors.ts",
    "src/native",
    "src/observe/status.ts",
    "encap",
  ],
  "src/cli": [
    "src/admin",
    "src/agent.ts",
    "src/cni",
    "src/capture",
    "src/config",
    "src/datastore",
    "src/demo",
    "src/errors.ts",
    "src/lazy-yaml.ts",
    "src/netlink",
    "src/network-style.ts",
    "src/observe",
    "src/register",
    "src/userspace",
    "src/version.ts",
    "tunnels",
    "encap",
  ],
  "src/main.ts": ["src/cli/program.ts", "src/cli/report-error.ts", "src/errors.ts"],
};

/** Single files that may import what their area may not. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  // sd_notify wants a datagram on a Unix socket, which Node has not.
  "src/observe/systemd.ts": ["src/native/linux.ts"],
  // A run dir is locked with flock(2), which Node has not either.
  "src/observe/run-dir.ts": ["src/native/linux.ts"],
  // And so is a directory of resource files, for those who write.
  "src/datastore/file-records/directory-lock.ts": ["src/native/linux.ts"],
};

/** Packages that the pure folders may use: functions of their input, and nothing else. */
const PURE_PACKAGES: Readonly<Record<string, string>> = {
  "encap/address/ip-address.ts": "ip-address",
  // SHA-1 of a name, by which every node of a cluster finds the same MAC.
  "tunnels/model/vtep.ts": "node:crypto",
};

/** Clock, randomness, timers, output, environment, network: none is a function of the input. */
const EFFECTS =
  /(?<![\w$.#])(?:process|console|performance|Date|Math\.random|crypto|fetch|WebSocket|Worker|set(?:Timeout|Interval|Immediate)|queueMicrotask|globalThis|require|import\s*\(|import\.meta)(?![\w$])/g;

const LINES = 300;
const VAGUE = /^(?:utils?|helpers?|common|misc|shared|lib)$/;

/** A tool's own interface asks for these. */
const DEFAULT_EXPORTS = ["test/vitest.config.ts", "test/setup/summary-reporter.ts"];

export const RULES: Readonly<Record<string, Rule>> = {
  "imports go src -> tunnels -> encap, and only where the table says": (files) =>
    each(files, isProduct, function* ({ path, imports }) {
      const area = areaOf(path);
      if (area === undefined) {
        yield "belongs to no area; say in test/support/architecture.ts what it may import";
        return;
      }
      const allowed = [...(AREAS[area] ?? []), ...(FILES[path] ?? [])];
      for (const { target } of imports) {
        if (target === undefined || isIn(target, allowed)) continue;
        if (areaOf(target) === area) continue;
        yield `imports ${target}, but ${area} may import only ${allowed.join(", ") || "itself"}`;
      }
    }),

  "nothing imports in a circle, types included": (files) => {
    const known = new Map(files.map((file) => [file.path, file]));
    return circles(files.filter(isProduct), known);
  },

  "encap and tunnels are pure": (files) =>
    each(files, isPure, function* ({ path, imports, code }) {
      for (const { specifier, target } of imports) {
        if (target !== undefined || PURE_PACKAGES[path] === specifier) continue;
        yield `imports "${specifier}", but pure code uses no package that is not listed for it`;
      }
      for (const [name] of code.matchAll(EFFECTS)) {
        yield `uses ${name}, but pure code depends on its input alone`;
      }
    }),

  "encap and tunnels throw only SyntaxError and RangeError": (files) =>
    each(files, isPure, function* ({ code }) {
      for (const [, name] of code.matchAll(/\bthrow\s+(?:new\s+)?([\w$.]+)/g)) {
        if (name === "SyntaxError" || name === "RangeError") continue;
        yield `throws ${name}; everything but bad text and a bad range is a return value`;
      }
    }),

  [`files have at most ${LINES} lines`]: (files) =>
    each(files, isProduct, function* ({ lineCount }) {
      if (lineCount > LINES) yield `has ${lineCount} lines; it holds more than one idea`;
    }),

  "no barrels: a name is imported from the file that owns it": (files) =>
    each(files, isAny, function* ({ path, imports }) {
      if (/(?:^|\/)index\.\w+$/.test(path)) yield "is an index file";
      for (const { specifier, isReexport } of imports) {
        if (isReexport) yield `exports again what "${specifier}" owns`;
      }
    }),

  "names say what is inside": (files) =>
    each(files, isAny, function* ({ path }) {
      for (const part of path.split("/")) {
        const word = part.replace(/\..*$/, "");
        if (VAGUE.test(word)) yield `"${word}" could hold anything`;
      }
    }),

  "only main.ts ends the process": (files) =>
    each(files, isProduct, function* ({ path, imports, code }) {
      if (path === "src/main.ts") return;
      const isNamed = imports.some(({ specifier }) => /^(?:node:)?process$/.test(specifier));
      const ends = isNamed ? /\b(?:exit|abort)\b/ : /\bprocess\s*\.\s*(?:exit|abort)\b/;
      if (ends.test(code)) yield "ends the process: throw, or set process.exitCode";
    }),

  "exports have names": (files) =>
    each(files, isAny, function* ({ path, code }) {
      if (DEFAULT_EXPORTS.includes(path)) return;
      if (/\bexport\s+default\b|\bas\s+default\b/.test(code)) yield "has a default export";
    }),
};

function* prefixed(path: string, findings: Iterable<string>): Generator<string> {
  for (const finding of findings) yield `${path} ${finding}`;
}

function each(
  files: readonly SourceFile[],
  concerns: (file: SourceFile) => boolean,
  look: (file: SourceFile) => Iterable<string>,
): string[] {
  return files.filter(concerns).flatMap((file) => [...prefixed(file.path, look(file))]);
}

function isAny(): boolean {
  return true;
}

function isPure({ path }: SourceFile): boolean {
  return /^(?:encap|tunnels)\//.test(path);
}

function isProduct({ path }: SourceFile): boolean {
  return /^(?:src|encap|tunnels)\//.test(path);
}

/** Whether `path` is one of `places` or inside one. */
function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

/** The area of a file, or undefined: a file next to an area's folder is in no area. */
function areaOf(path: string): string | undefined {
  const areas = Object.keys(AREAS).filter((area) => isIn(path, [area]));
  return areas.sort((a, b) => b.length - a.length)[0];
}

/** Each circle once, beginning with its first file by name. */
function circles(files: readonly SourceFile[], known: ReadonlyMap<string, SourceFile>): string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const way: string[] = [];
  const walk = (path: string): void => {
    const at = way.indexOf(path);
    if (at >= 0) {
      found.add(circleText(way.slice(at)));
      return;
    }
    if (done.has(path)) return;
    way.push(path);
    for (const { target } of known.get(path)?.imports ?? []) if (target) walk(target);
    way.pop();
    done.add(path);
  };
  for (const { path } of files) walk(path);
  return [...found];
}

function circleText(circle: readonly string[]): string {
  const first = circle.indexOf([...circle].sort()[0] as string);
  const turned = [...circle.slice(first), ...circle.slice(0, first)];
  return `${[...turned, turned[0]].join(" -> ")}`;
}
