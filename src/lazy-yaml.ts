/** The YAML parser, loaded when the first YAML text comes: a store of JSON files has none. */
import { createRequire } from "node:module";

type Yaml = typeof import("yaml");

const require = createRequire(import.meta.url);
let loaded: Yaml | undefined;

export function yaml(): Yaml {
  loaded ??= require("yaml") as Yaml;
  return loaded;
}
