// Builds before the kernel tests: the program, which they run as processes, into dist/, and the sources with the
// tests, which User Mode Linux runs, into .cache/js/. Type errors are left to `npm run check`.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const OUTPUTS = {
  "tsconfig.json": "dist/src/main.js",
  "test/tsconfig.emit.json": ".cache/js/src/main.js",
};

export async function setup(): Promise<void> {
  await Promise.all(Object.entries(OUTPUTS).map(([project, output]) => build(project, output)));
}

function build(project: string, output: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile("node_modules/.bin/tsc", ["-p", project], { cwd: root }, (error, stdout) => {
      if (error !== null && !existsSync(`${root}/${output}`)) {
        reject(new Error(`tsc -p ${project}: ${stdout || error.message}`));
      } else resolve();
    });
  });
}
