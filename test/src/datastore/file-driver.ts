/** A directory of resource files, and what people and programs do to it. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Datastore } from "../../../src/datastore/datastore.ts";
import { FileDatastore, type FileTimings } from "../../../src/datastore/file.ts";
import type { SnapshotFile } from "../../../src/datastore/snapshot-file.ts";
import type { StoreDriver } from "../../conformance/datastore.cases.ts";
import type { Manifest } from "../../conformance/manifests.ts";

/** Short, so that no test sleeps long, and far enough apart to be told from one another. */
export const shortTimings: FileTimings = {
  quiet: 10,
  inPlaceQuiet: 300,
  vanishQuiet: 300,
  rescan: 30_000,
  poll: 50,
};

export class FileDriver implements StoreDriver {
  readonly #top = mkdtempSync(join(tmpdir(), "causeway-store-"));
  readonly directory = join(this.#top, "cluster");
  readonly runDir = join(this.#top, "run");
  readonly #extension: "yaml" | "json";

  constructor(extension: "yaml" | "json" = "yaml") {
    this.#extension = extension;
    mkdirSync(this.directory);
  }

  open(options: { snapshot?: SnapshotFile; timings?: Partial<FileTimings> } = {}): Datastore {
    const timings = { ...shortTimings, ...options.timings };
    return new FileDatastore(this.directory, { ...options, timings });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Replaces a file the way careful programs do. */
  write(name: string, text: string): void {
    const path = this.path(name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }

  async put(...manifests: Manifest[]): Promise<void> {
    for (const manifest of manifests) this.write(this.#nameOf(manifest), this.#text(manifest));
  }

  async remove(...manifests: Manifest[]): Promise<void> {
    for (const manifest of manifests) rmSync(this.path(this.#nameOf(manifest)));
  }

  async disappear(): Promise<void> {
    renameSync(this.directory, `${this.directory}.away`);
  }

  async comeBack(): Promise<void> {
    renameSync(`${this.directory}.away`, this.directory);
  }

  async empty(): Promise<void> {
    for (const name of readdirSync(this.directory)) rmSync(this.path(name), { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#top, { recursive: true, force: true });
  }

  #nameOf({ kind, metadata }: Manifest): string {
    return `${kind}-${metadata.name}.${this.#extension}`.toLowerCase();
  }

  #text(manifest: Manifest): string {
    return this.#extension === "yaml" ? stringify(manifest) : JSON.stringify(manifest);
  }
}
