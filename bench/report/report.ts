/**
 * Collects what one benchmark measured, prints it, and keeps it in bench/results/NAME.json with
 * the machine it was measured on. A quick run measures nothing worth keeping: .cache/bench/results.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { ROOT } from "../lab/c-programs.ts";
import { type Summary, summarise } from "./statistics.ts";
import { formatNumber, textTable } from "./table.ts";

export interface Requirement {
  /** Number of the requirement in the README, for example "6a". */
  readonly id: string;
  readonly says: string;
  readonly measured: number;
  readonly limit: number;
  readonly unit: string;
  /** `at most` unless said otherwise. */
  readonly bound?: "at most" | "at least";
}

interface Row {
  readonly group: string;
  readonly what: string;
  readonly unit: string;
  readonly values: number[];
}

export class Report {
  readonly #name: string;
  readonly #quick: boolean;
  readonly #rows = new Map<string, Row>();
  readonly #requirements: Requirement[] = [];
  readonly #kept: Record<string, unknown> = {};

  constructor(name: string, quick: boolean) {
    this.#name = name;
    this.#quick = quick;
  }

  /** One more value of a row; rows are printed in the order of their first value. */
  add(group: string, what: string, unit: string, value: number): void {
    const key = `${group}|${what}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { group, what, unit, values: [] };
      this.#rows.set(key, row);
    }
    row.values.push(value);
  }

  /** @throws RangeError if the row has no value. */
  summary(group: string, what: string): Summary {
    return summarise(this.#rows.get(`${group}|${what}`)?.values ?? []);
  }

  /** What was measured in a group. */
  rowsOf(group: string): string[] {
    return [...this.#rows.values()].filter((row) => row.group === group).map(({ what }) => what);
  }

  /** Something for the JSON alone. */
  keep(name: string, value: unknown): void {
    this.#kept[name] = value;
  }

  require(requirement: Requirement): void {
    this.#requirements.push(requirement);
  }

  /** Prints all, writes the JSON, and sets the exit code to 1 if a requirement is not met. */
  finish(): void {
    const all = [...this.#rows.values()];
    for (const group of new Set(all.map((row) => row.group))) {
      const rows = all.filter((row) => row.group === group);
      console.log(`\n${group}`);
      const cells = rows.map(({ what, unit, values }) => {
        const { median, min, max } = summarise(values);
        const span = `${formatNumber(min)} - ${formatNumber(max)}`;
        return [what, formatNumber(median), span, String(values.length), unit];
      });
      console.log(textTable(["", "median", "min - max", "n", "unit"], cells));
    }
    if (this.#requirements.length > 0) console.log("");
    for (const requirement of this.#requirements) console.log(requirementLine(requirement));
    this.#write();
    if (!this.#requirements.every(isMet)) process.exitCode = 1;
  }

  #write(): void {
    const directory = `${ROOT}${this.#quick ? ".cache/bench" : "bench"}/results`;
    mkdirSync(directory, { recursive: true });
    const path = `${directory}/${this.#name}.json`;
    const result = {
      benchmark: this.#name,
      ...machine(),
      quick: this.#quick,
      rows: [...this.#rows.values()].map(({ values, ...row }) => ({
        ...row,
        ...summarise(values),
      })),
      requirements: this.#requirements.map((one) => ({ ...one, met: isMet(one) })),
      ...this.#kept,
    };
    writeFileSync(path, `${JSON.stringify(result, null, 1)}\n`);
    const { cpu, cores, kernel, node } = result;
    console.log(`\n${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}; kept in ${path}`);
  }
}

function machine(): { date: string; cpu: string; cores: number; memoryGb: number } & {
  kernel: string;
  node: string;
} {
  const all = cpus();
  return {
    date: new Date().toISOString(),
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

function isMet({ measured, limit, bound }: Requirement): boolean {
  return bound === "at least" ? measured >= limit : measured <= limit;
}

function requirementLine(requirement: Requirement): string {
  const { id, says, measured, limit, unit, bound } = requirement;
  const verdict = isMet(requirement) ? "PASS" : "FAIL";
  const wanted = `${bound ?? "at most"} ${formatNumber(limit)} ${unit}`;
  return `${verdict}  ${id}  ${says}: ${formatNumber(measured)} ${unit} (${wanted})`;
}
