import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { YamlReader } from "../../../src/datastore/yaml-reader.ts";

// Below the project, so that its packages are found.
const cache = join(import.meta.dirname, "../../../.cache");
mkdirSync(cache, { recursive: true });
const output = mkdtempSync(join(cache, "yaml-"));
afterAll(() => rmSync(output, { recursive: true }));

// The thread runs JavaScript only: both of its ends are compiled first.
beforeAll(async () => {
  const source = (name: string): string =>
    join(import.meta.dirname, `../../../src/datastore/${name}.ts`);
  await build({
    configFile: false,
    logLevel: "silent",
    ssr: { noExternal: true },
    build: {
      ssr: true,
      minify: false,
      outDir: output,
      rollupOptions: {
        input: { "yaml-reader": source("yaml-reader"), "yaml-worker": source("yaml-worker") },
        output: { entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" },
      },
    },
  });
});

const pieces = [
  { text: "a: 1\n", isItem: false },
  { text: "- b: 2\n", isItem: true },
  { text: "c: [\n", isItem: false },
];
const values = [
  { values: [{ a: 1 }] },
  { values: [{ b: 2 }] },
  { fault: { line: expect.any(Number) } },
];

test("YamlReader parses in a thread of its own", async () => {
  const url = pathToFileURL(join(output, "yaml-reader.mjs")).href;
  const compiled = (await import(/* @vite-ignore */ url)) as { YamlReader: typeof YamlReader };
  const reader = new compiled.YamlReader();
  expect(await reader.parse(pieces, "worker")).toMatchObject(values);
  expect(reader.hasWorker).toBe(true);
  expect(await reader.parse(pieces, "worker")).toMatchObject(values);
  reader.close();
  expect(await reader.parse(pieces, "worker")).toMatchObject(values);
  reader.close();
});

test("YamlReader parses little text here", async () => {
  const reader = new YamlReader();
  expect(reader.placeFor([1000, 2000])).toBe("here");
  expect(reader.placeFor([1000, 20_000])).toBe("worker");
  expect(reader.placeFor(new Array(100).fill(1000))).toBe("worker");
  expect(await reader.parse(pieces, "here")).toMatchObject(values);
  expect(reader.hasWorker).toBe(false);
});
