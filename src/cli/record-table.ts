/** Records as a table that fits the width of a terminal. */
import { addressesInUse, ownerOf } from "../admin/removal-obstacles.ts";
import type { RecordKind, RecordValue } from "../datastore/record-store.ts";
import { WIDTH } from "./text.ts";

/** Characters that the last column has at least. */
const LEAST = 30;
const INDENT = 4;

type Spec = Readonly<Record<string, unknown>>;

interface TableForm {
  readonly head: readonly string[];
  cells(record: RecordValue): readonly string[];
}

const text = (value: unknown): string => (value === undefined || value === null ? "" : `${value}`);
const joined = (...values: unknown[]): string => values.map(text).filter(Boolean).join(" ");

const FORMS: Readonly<Record<RecordKind, TableForm>> = {
  IPPool: {
    head: ["name", "prefix", "encapsulation", "block size", "for"],
    cells: ({ metadata, spec }) => [
      metadata.name,
      text(spec["cidr"]),
      encapText(spec),
      text(spec["blockSize"] ?? (text(spec["cidr"]).includes(":") ? 122 : 26)),
      joined(spec["nodeSelector"] ?? "all()", spec["disabled"] ? "disabled" : ""),
    ],
  },
  Node: {
    head: ["name", "node address", "tunnel addresses"],
    cells: ({ metadata, spec }) => {
      const bgp = (spec["bgp"] ?? {}) as Spec;
      return [
        metadata.name,
        joined(bgp["ipv4Address"] ?? bgp["ipv6Address"], bgp["ipv4Address"] && bgp["ipv6Address"]),
        joined(
          named("vxlan", spec["ipv4VXLANTunnelAddr"]),
          named("vxlan6", spec["ipv6VXLANTunnelAddr"]),
          named("ipip", bgp["ipv4IPIPTunnelAddr"]),
        ),
      ];
    },
  },
  IPAMBlock: {
    head: ["block", "node", "in use"],
    cells: (record) => {
      const { spec } = record;
      const { allocations } = spec;
      const size = Array.isArray(allocations) ? ` of ${allocations.length}` : "";
      const owner = ownerOf(record) ?? text(spec["affinity"]);
      return [text(spec["cidr"]), owner, `${addressesInUse(record)}${size}`];
    },
  },
  FelixConfiguration: {
    head: ["name", "settings"],
    cells: ({ metadata, spec }) => [metadata.name, settingsText(spec)],
  },
  BlockAffinity: {
    head: ["node", "block", "state"],
    cells: ({ spec }) => [text(spec["node"]), text(spec["cidr"]), text(spec["state"])],
  },
  IPAMHandle: {
    head: ["handle", "addresses in"],
    cells: ({ metadata, spec }) => {
      const counts = Object.entries((spec["block"] ?? {}) as Spec);
      return [metadata.name, counts.map(([block, count]) => `${block}: ${count}`).join(" ")];
    },
  },
  IPAMConfig: {
    head: ["name", "settings"],
    cells: ({ metadata, spec }) => [metadata.name, settingsText(spec)],
  },
};

/**
 * The last column is broken at spaces; where that leaves too little of it, all but the names are
 * below them.
 */
export function recordTable(kind: RecordKind, records: readonly RecordValue[]): string {
  const { head, cells } = FORMS[kind];
  const rows = [head, ...records.map(cells)];
  const widths = head.slice(0, -1).map((_, at) => {
    return rows.reduce((most, row) => Math.max(most, row[at]?.length ?? 0), 0) + 2;
  });
  const margin = widths.reduce((sum, width) => sum + width, 0);
  const isWide = margin <= WIDTH - LEAST;
  const lines = rows.flatMap((row) => (isWide ? beside(row, widths, margin) : below(row)));
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function beside(row: readonly string[], widths: readonly number[], margin: number): string[] {
  const lead = widths.map((width, at) => (row[at] ?? "").padEnd(width)).join("");
  return broken(row.at(-1) ?? "", WIDTH - margin).map((line, at) => {
    return (at === 0 ? lead : " ".repeat(margin)) + line;
  });
}

function below([name = "", ...rest]: readonly string[]): string[] {
  const lines = rest.filter(Boolean).flatMap((cell) => broken(cell, WIDTH - INDENT));
  return [name, ...lines.map((line) => " ".repeat(INDENT) + line)];
}

/** A word that is too long by itself stays whole. */
function broken(value: string, width: number): string[] {
  const lines = [""];
  for (const word of value.split(" ")) {
    const line = lines.at(-1) as string;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

function encapText(spec: Spec): string {
  for (const [field, name] of [
    ["vxlanMode", "vxlan"],
    ["ipipMode", "ipip"],
  ] as const) {
    if (spec[field] && spec[field] !== "Never") return `${name} ${spec[field]}`;
  }
  return "none";
}

function named(name: string, address: unknown): string {
  return address ? `${name} ${address}` : "";
}

function settingsText(spec: Spec): string {
  const parts = Object.entries(spec).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return parts.join(" ");
}
