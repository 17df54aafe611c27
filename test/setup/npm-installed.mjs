// Exit code 0 if node_modules holds what package-lock.json asks for. Plain JavaScript: it runs before anything is
// installed. npm's own record of what it installed is compared, so an interrupted or outdated install is seen.

import { readFileSync } from "node:fs";

function packages(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages;
}

try {
  const wanted = packages("package-lock.json");
  const installed = packages("node_modules/.package-lock.json");
  const missing = Object.entries(wanted).filter(
    ([path, { version, optional }]) =>
      path !== "" && installed[path]?.version !== version && !(optional && !installed[path]),
  );
  process.exitCode = missing.length === 0 ? 0 : 1;
} catch {
  process.exitCode = 1;
}
