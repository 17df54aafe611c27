// Many random packets through a kernel's device and through our engine, and what came of them compared.

import fc from "fast-check";
import { DropReason, dropReasonName } from "../../../encap/drop-reason.ts";
import { allowedBy, type Direction } from "./allowed.ts";
import { arrivedDifferences, type Difference, sentDifferences } from "./compare.ts";
import { BATCH, decapsulate, encapsulate } from "./exchange.ts";
import { type InnerPacket, innerPacket, withNumber } from "./inner-packets.ts";
import { DifferentialLab } from "./lab.ts";
import { outerPacket } from "./outer-packets.ts";
import type { Tunnel } from "./tunnels.ts";
import { NOT_OURS, receiveVerdict, sendVerdict, type Verdict } from "./verdict.ts";

/** Milliseconds that nothing comes before a batch is taken for done, and before a difference is believed. */
const QUIET = 2;
const VERY_QUIET = 100;
/** Packets from a pod are up to so many bytes longer than the tunnel device carries. */
const BEYOND = 700;
/** Differences that are told in full. */
const TOLD = 5;

export interface DifferentialResult {
  readonly tunnel: string;
  readonly direction: Direction;
  readonly seed: number;
  readonly packets: number;
  /** Both did the same, but for what the table allows. */
  readonly alike: number;
  /** Packets that both passed on. */
  readonly passed: number;
  /** How many packets our engine refused, by the name of the drop reason; as its own counters say. */
  readonly refused: Readonly<Record<string, number>>;
  /** By the name of the row, how many packets needed it. */
  readonly allowed: Readonly<Record<string, number>>;
  /** What no row allows: each with the packet, in hexadecimal. */
  readonly unexplained: readonly string[];
  readonly seconds: number;
}

interface Judged {
  readonly verdict: Verdict;
  readonly differences: readonly Difference[];
  readonly isPassed: boolean;
  readonly text: string;
}

/** Compares all directions of a tunnel with `count` packets each. */
export async function runDifferential(
  tunnel: Tunnel,
  count: number,
  seed: number,
): Promise<DifferentialResult[]> {
  const lab = await DifferentialLab.open(tunnel);
  const packets = (mtu: number): InnerPacket[] => {
    const inner = fc.oneof(...tunnel.inners.map((family) => innerPacket(family, 1, 2, mtu)));
    return fc.sample(inner, { numRuns: count, seed });
  };
  const send =
    (source: "device" | "pod") =>
    (batch: readonly InnerPacket[], quiet: number): Judged[] => {
      const { kernel, ours } = encapsulate(lab, batch, source, quiet);
      return batch.map(({ family, bytes: plain, oddity }, at) => {
        const bytes = withNumber(family, plain, at);
        const [one, other] = [kernel[at] ?? [], ours[at] ?? []];
        return {
          // What a node routes into a device has been looked at.
          verdict: source === "device" ? sendVerdict(bytes) : DropReason.None,
          differences: sentDifferences(tunnel, one, other),
          isPassed: one.length > 0 && other.length > 0,
          text: `${oddity} ${hex(bytes)}`,
        };
      });
    };
  try {
    const sent = compare(lab, "encapsulate", packets(tunnel.mtu), seed, send("device"));
    const routed = compare(lab, "forward", packets(tunnel.mtu + BEYOND), seed, send("pod"));
    const outers = fc.sample(outerPacket(tunnel), { numRuns: count, seed });
    const received = compare(lab, "decapsulate", outers, seed, (packets, quiet) => {
      const { kernel, ours } = decapsulate(lab, packets, quiet);
      return packets.map(({ around, inner, oddity }, at) => {
        const [one, other] = [kernel[at], ours[at]];
        if (one === undefined || other === undefined) throw new RangeError(`no answer ${at}`);
        const carried = around(withNumber(inner.family, inner.bytes, at));
        return {
          verdict: receiveVerdict(tunnel, carried, oddity === "stranger"),
          differences: arrivedDifferences(one, other),
          isPassed: one.pods.length > 0 && other.pods.length > 0,
          text: `${oddity}, ${inner.oddity} ${carried.map(hex).join(" + ")}`,
        };
      });
    });
    return [sent, routed, received];
  } finally {
    await lab.close();
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function compare<P>(
  lab: DifferentialLab,
  direction: Direction,
  packets: readonly P[],
  seed: number,
  exchange: (packets: readonly P[], quiet: number) => Judged[],
): DifferentialResult {
  const { tunnel } = lab;
  const start = performance.now();
  const allowed: Record<string, number> = {};
  const unexplained: string[] = [];
  let [alike, passed] = [0, 0];
  const believed: { packet: P; judged: Judged }[] = [];
  const expected = new Map<DropReason, number>();
  const before = lab.counters().drops;
  const expect = (judged: readonly Judged[]): void => {
    for (const { verdict } of judged) {
      if (verdict === NOT_OURS || verdict === DropReason.None) continue;
      expected.set(verdict, (expected.get(verdict) ?? 0) + 1);
    }
  };
  const explain = ({ verdict, differences }: Judged): string[] | undefined => {
    const rows = differences.map((one) => allowedBy({ tunnel, direction, verdict }, one)?.name);
    return rows.every((name) => name !== undefined) ? (rows as string[]) : undefined;
  };
  for (let at = 0; at < packets.length; at += BATCH) {
    const batch = packets.slice(at, at + BATCH);
    const judged = exchange(batch, QUIET);
    expect(judged);
    const doubtful = batch.filter((_, index) => explain(judged[index] as Judged) === undefined);
    // It may only have come late.
    const again = doubtful.length === 0 ? [] : exchange(doubtful, VERY_QUIET);
    expect(again);
    for (const [index, packet] of batch.entries()) {
      const isDoubtful = doubtful.includes(packet);
      const last = isDoubtful ? again[doubtful.indexOf(packet)] : judged[index];
      believed.push({ packet, judged: last as Judged });
    }
  }
  for (const { judged } of believed) {
    if (judged.isPassed) passed++;
    const rows = explain(judged);
    if (rows === undefined) {
      if (unexplained.length < TOLD) unexplained.push(tell(judged));
      continue;
    }
    alike++;
    for (const name of new Set(rows)) allowed[name] = (allowed[name] ?? 0) + 1;
  }
  const refused = refusedSince(lab, before);
  for (const reason of new Set([...expected.keys(), ...refused.keys()])) {
    const [told, counted] = [expected.get(reason) ?? 0, refused.get(reason) ?? 0];
    if (told === counted) continue;
    const name = dropReasonName(reason);
    unexplained.push(`${name}: ${counted} counted by the engine, ${told} by the codec`);
  }
  return {
    tunnel: tunnel.name,
    direction,
    seed,
    packets: packets.length,
    alike,
    passed,
    refused: Object.fromEntries([...refused].map(([reason, n]) => [dropReasonName(reason), n])),
    allowed,
    unexplained,
    seconds: (performance.now() - start) / 1000,
  };
}

function tell({ verdict, differences, text }: Judged): string {
  const what = differences.map(
    ({ field, kernel, ours }) => `${field}: kernel ${kernel}, ours ${ours}`,
  );
  const said = verdict === NOT_OURS ? "not for us" : dropReasonName(verdict);
  return `${what.join("; ")} (${said}) of ${text}`;
}

function refusedSince(
  lab: DifferentialLab,
  before: ReadonlyMap<DropReason, number>,
): Map<DropReason, number> {
  const counts = [...lab.counters().drops].map(
    ([reason, count]) => [reason, count - (before.get(reason) ?? 0)] as const,
  );
  // What the node itself sends to its devices goes nowhere, and is no concern here.
  return new Map(counts.filter(([reason, count]) => count > 0 && reason !== DropReason.NoRemote));
}
