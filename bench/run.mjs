/**
 * Compiles the benchmarks into .cache/bench and runs one of them, or all: `node bench/run.mjs
 * [NAME [options]]`. Node 20 cannot run TypeScript, and the benchmarks are no part of dist/.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const benchmarks = ["first-sync", "restart", "change", "repair"];
const programs = [...benchmarks, "generate-cluster"];

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, { stdio: "inherit" });
  if (error) throw error;
  return signal ? 130 : status;
}

const [first, ...rest] = process.argv.slice(2);
const name = first === undefined || first.startsWith("-") ? undefined : first;
const options = name === undefined ? process.argv.slice(2) : rest;
if (name !== undefined && !programs.includes(name)) {
  console.error(`no benchmark "${name}"; there are ${programs.join(", ")}`);
  process.exit(2);
}

const compiled = run(process.execPath, [
  `${root}node_modules/typescript/bin/tsc`,
  "-p",
  `${root}bench/tsconfig.json`,
]);
if (compiled !== 0) process.exit(compiled);

// On Ctrl-C the benchmark itself removes what it made; this process only waits for it.
process.on("SIGINT", () => {});
let worst = 0;
for (const each of name === undefined ? benchmarks : [name]) {
  const status = run(process.execPath, [`${root}.cache/bench/bench/${each}.js`, ...options]);
  worst = Math.max(worst, status ?? 1);
  if (status === 130) break;
}
process.exitCode = worst;
