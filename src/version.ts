/** The version, as package.json has it. */
import { readFileSync } from "node:fs";

/** From dist/src as well as from src: the nearest package.json above this file. */
function readVersion(): string {
  for (const up of ["../package.json", "../../package.json"]) {
    try {
      return JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")).version as string;
    } catch {}
  }
  return "unknown";
}

export const VERSION: string = readVersion();
