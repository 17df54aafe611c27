/** The C programs of bench/c: compiled when a benchmark starts, run inside a namespace. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "./command.ts";

/** The checkout; this file runs as .cache/bench/bench/lab/c-programs.js. */
export const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const COMPILED = `${ROOT}.cache/bench/c/`;

export interface SyncTimes {
  readonly vteps: number;
  readonly routes: number;
  readonly messages: number;
  readonly errors: number;
  readonly firstError: string;
  /** Milliseconds, from the first send to the last ack, and the parts of it. */
  readonly total: number;
  readonly device: number;
  readonly neighbours: number;
  readonly fdb: number;
  readonly nexthops: number;
  readonly writeRoutes: number;
}

export interface DumpTimes {
  readonly milliseconds: readonly number[];
  readonly routes: number;
  readonly owned: number;
  /** Equal for equal routes, whichever way they were written. */
  readonly fingerprint: string;
}

type Program =
  | "sync-state"
  | "dump-routes"
  | "remove-routes"
  | "watch-events"
  | "tun-vxlan"
  | "tun-ipip"
  | "udp-load";

const SOURCES: Record<Program, readonly string[]> = {
  "sync-state": ["sync-state", "netlink", "state"],
  "dump-routes": ["dump-routes", "netlink", "route-dump"],
  "remove-routes": ["remove-routes", "netlink", "route-dump"],
  "watch-events": ["watch-events", "netlink"],
  "tun-vxlan": ["tun-vxlan", "tunnel"],
  "tun-ipip": ["tun-ipip", "tunnel"],
  "udp-load": ["udp-load"],
};

export async function compilePrograms(): Promise<void> {
  mkdirSync(COMPILED, { recursive: true });
  for (const program of Object.keys(SOURCES) as Program[]) {
    const files = SOURCES[program].map((name) => `${ROOT}bench/c/${name}.c`);
    await run("gcc", ["-std=gnu11", "-O2", "-Wall", "-o", programPath(program), ...files]);
  }
}

export function programPath(program: Program): string {
  return COMPILED + program;
}

export async function syncState(
  namespace: string,
  way: "best" | "naive",
  stateFile: string,
): Promise<SyncTimes> {
  return runIn<SyncTimes>(namespace, "sync-state", [way, stateFile]);
}

export async function dumpRoutes(namespace: string, repetitions: number): Promise<DumpTimes> {
  return runIn<DumpTimes>(namespace, "dump-routes", [String(repetitions)]);
}

async function runIn<Result>(
  namespace: string,
  program: Program,
  args: readonly string[],
): Promise<Result> {
  const { stdout } = await run("ip", ["netns", "exec", namespace, programPath(program), ...args]);
  return JSON.parse(stdout) as Result;
}
