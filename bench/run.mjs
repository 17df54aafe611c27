/**
 * Compiles the benchmarks into .cache/bench and runs one of them, or all: `node bench/run.mjs
 * [NAME] [options]`. Node 20 cannot run TypeScript, and the benchmarks are no part of dist/. The
 * agent that they measure is dist/src/main.js: `npm run bench` builds it first.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const benchmarks = [
  "first-sync",
  "restart",
  "change",
  "repair",
  "table-changes",
  "codec",
  "userspace",
  "differential",
  "kubernetes-restart",
  "etcd",
];
const programs = [...benchmarks, "soak", "generate-cluster"];
let child;

/** The exit code of a Node program; 130 if it was stopped by a signal. */
function run(args) {
  return new Promise((resolve, reject) => {
    child = spawn(process.execPath, args, { stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 130));
  });
}

// The benchmark itself removes what it made; this process only passes the wish on and waits.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child?.kill(signal));

async function main([first, ...rest]) {
  const isNamed = first !== undefined && !first.startsWith("-");
  const options = isNamed || first === undefined ? rest : [first, ...rest];
  if (isNamed && !programs.includes(first)) {
    console.error(`no benchmark "${first}"; there are ${programs.join(", ")}`);
    return 2;
  }
  const compiler = `${root}node_modules/typescript/bin/tsc`;
  const compiled = await run([compiler, "-p", `${root}bench/tsconfig.json`]);
  if (compiled !== 0) return compiled;
  let worst = 0;
  for (const name of isNamed ? [first] : benchmarks) {
    const code = await run([`${root}.cache/bench/bench/${name}.js`, ...options]);
    worst = Math.max(worst, code);
    if (code === 130) break;
  }
  return worst;
}

process.exitCode = await main(process.argv.slice(2));
