/**
 * A copy of the last good state in the run dir, so that a restart goes on from it when the
 * datastore cannot be read. One line of JSON for each resource between a line that says whose copy
 * it is and one with a checksum. Written in slices, beside the file and then renamed.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Resource } from "../../tunnels/model/snapshot.ts";
import { errnoOf, reasonOf } from "../errors.ts";
import { BACKGROUND_SLICE, inTurns } from "../turns.ts";
import { decodeResource, encodeResource } from "./resource-text.ts";

/** By the part of the datastore that they stand in, a file; undefined where there are no parts. */
export type BySource = ReadonlyMap<string | undefined, readonly Resource[]>;

export interface SnapshotHeader {
  /** The datastore it is a copy of. */
  readonly url: string;
  readonly revision: string;
  /** ISO 8601. */
  readonly writtenAt: string;
  /** Sources, and how many resources each has. */
  readonly sources: Readonly<Record<string, number>>;
  /** It holds resources that the datastore had lost and that nobody has given up yet. */
  readonly isHeld?: true;
}

export interface SnapshotContent {
  readonly header: SnapshotHeader;
  readonly bySource: BySource;
}

/** What to write; `collect` gives everything in force, or undefined if a change goes on meanwhile. */
export interface SnapshotState {
  readonly url: string;
  readonly revision: string;
  readonly isHeld?: boolean;
  collect(): Generator<void, BySource | undefined>;
}

const FORMAT = "causeway snapshot 1";
const NAME = "snapshot.ndjson";
const NEWLINE = 0x0a;
/** Lines in one write. */
const CHUNK = 1000;

export class SnapshotFile {
  readonly path: string;
  /** Why the file on disk is of no use, or could not be written; for the log and `status`. */
  problem: string | undefined;
  readonly #interval: number;
  #state: SnapshotState | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #nextAt = 0;

  /** @param options.interval least time between two writes, in milliseconds. */
  constructor(runDir: string, options: { interval?: number } = {}) {
    this.path = join(runDir, NAME);
    this.#interval = options.interval ?? 5_000;
  }

  /** The first line, if the copy is there and of this datastore. */
  async readHeader(url: string): Promise<SnapshotHeader | undefined> {
    const line = await this.#read(readFirstLine);
    return line === undefined ? undefined : this.#header(line, url);
  }

  /** The whole copy, if it is sound and of this datastore; else `problem` says why not. */
  async read(url: string): Promise<SnapshotContent | undefined> {
    const bytes = await this.#read((path) => readFile(path));
    if (bytes === undefined) return undefined;
    const firstEnd = bytes.indexOf(NEWLINE);
    const header = this.#header(bytes.toString("utf8", 0, Math.max(0, firstEnd)), url);
    if (header === undefined) return undefined;
    try {
      const sumStart = bytes.lastIndexOf("\n#") + 1;
      const sum = createHash("sha1").update(bytes.subarray(0, sumStart)).digest("hex");
      if (bytes.toString("latin1", sumStart).trim() !== `#${sum}`) {
        throw new SyntaxError("the checksum differs");
      }
      const bySource = await inTurns(decodeLines(bytes.subarray(firstEnd + 1, sumStart)));
      return { header, bySource };
    } catch (error) {
      this.problem = `${this.path} is damaged and not used (${reasonOf(error)})`;
      return undefined;
    }
  }

  /** Asks for the state to be written soon; the newest asked for is what is written. */
  schedule(state: SnapshotState): void {
    this.#state = state;
    if (this.#timer !== undefined || this.#writing !== undefined) return;
    // Not at once: what came is on its way to the kernel, and that comes first.
    const delay = Math.max(this.#interval / 2, this.#nextAt - performance.now());
    this.#timer = setTimeout(() => void this.#writeSoon(), delay).unref();
  }

  /** Writes what is still to be written. @throws CausewayError or a system error. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing?.catch(() => {});
    if (this.#state !== undefined) await this.#write(this.#state);
  }

  async #writeSoon(): Promise<void> {
    this.#timer = undefined;
    const state = this.#state;
    if (state === undefined) return;
    const start = performance.now();
    this.#writing = this.#write(state);
    try {
      await this.#writing;
    } catch (error) {
      this.problem = `${this.path} cannot be written (${reasonOf(error)})`;
    }
    this.#writing = undefined;
    // A large state that changes all the time may take a twentieth of the processor, not more.
    const end = performance.now();
    this.#nextAt = end + Math.max(this.#interval, 20 * (end - start));
    if (this.#state !== undefined) this.schedule(this.#state);
  }

  async #write(state: SnapshotState): Promise<void> {
    const bySource = await inTurns(state.collect(), BACKGROUND_SLICE);
    // In the middle of a change: the next attempt finds its end.
    if (bySource === undefined) return;
    const temporary = `${this.path}.new`;
    await mkdir(join(this.path, ".."), { recursive: true });
    await rm(temporary, { force: true });
    const file = await open(temporary, "wx", 0o600);
    try {
      const hash = createHash("sha1");
      const write = async (lines: string): Promise<void> => {
        hash.update(lines);
        await file.appendFile(lines);
      };
      await write(`${JSON.stringify(this.#headerOf(state, bySource))}\n`);
      for (const [source, resources] of bySource) {
        await write(source === undefined ? "@\n" : `@${JSON.stringify(source)}\n`);
        for (let first = 0; first < resources.length; first += CHUNK) {
          const lines = encodeLines(resources.slice(first, first + CHUNK));
          await write(await inTurns(lines, BACKGROUND_SLICE));
        }
      }
      await file.appendFile(`#${hash.digest("hex")}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.path);
    if (this.#state === state) this.#state = undefined;
    this.problem = undefined;
  }

  #headerOf(
    { url, revision, isHeld }: SnapshotState,
    bySource: BySource,
  ): SnapshotHeader & { format: string } {
    const sources: Record<string, number> = {};
    for (const [source, resources] of bySource) {
      if (source !== undefined) sources[source] = resources.length;
    }
    const writtenAt = new Date().toISOString();
    const held = isHeld ? ({ isHeld } as const) : {};
    return { format: FORMAT, url, revision, writtenAt, sources, ...held };
  }

  #header(line: string, url: string): SnapshotHeader | undefined {
    try {
      const header = JSON.parse(line) as SnapshotHeader & { format?: string };
      if (header.format !== FORMAT) throw new SyntaxError("another format");
      if (header.url === url) return header;
      this.problem = `${this.path} is a copy of ${header.url} and not used`;
    } catch (error) {
      this.problem = `${this.path} is damaged and not used (${reasonOf(error)})`;
    }
    return undefined;
  }

  async #read<T>(read: (path: string) => Promise<T>): Promise<T | undefined> {
    try {
      return await read(this.path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") {
        this.problem = `${this.path} cannot be read (${errnoOf(error) ?? reasonOf(error)})`;
      }
      return undefined;
    }
  }
}

async function readFirstLine(path: string): Promise<string> {
  const file = await open(path);
  try {
    let text = "";
    for await (const chunk of file.createReadStream({ encoding: "utf8", autoClose: false })) {
      const end = chunk.indexOf("\n");
      if (end >= 0) return text + chunk.slice(0, end);
      text += chunk;
    }
    return text;
  } finally {
    await file.close();
  }
}

function* decodeLines(bytes: Buffer): Generator<void, Map<string | undefined, Resource[]>> {
  const bySource = new Map<string | undefined, Resource[]>();
  let group: Resource[] = [];
  for (let at = 0, count = 1; at < bytes.length; count++) {
    const end = bytes.indexOf(NEWLINE, at);
    const line = bytes.toString("utf8", at, end);
    if (line.startsWith("@")) {
      group = [];
      bySource.set(line === "@" ? undefined : JSON.parse(line.slice(1)), group);
    } else {
      group.push(decodeResource(line));
    }
    at = end + 1;
    if (count % 100 === 0) yield;
  }
  return bySource;
}

function* encodeLines(resources: readonly Resource[]): Generator<void, string> {
  let text = "";
  for (const [at, resource] of resources.entries()) {
    text += `${encodeResource(resource)}\n`;
    if (at % 16 === 15) yield;
  }
  return text;
}
