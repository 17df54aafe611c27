import fc from "fast-check";
import { expect, test } from "vitest";
import * as plainBlock from "../../../../src/datastore/etcd/plain-block.ts";
import { readRecord } from "../../../../src/datastore/record.ts";
import { encodeResource } from "../../../../src/datastore/resource-text.ts";
import type { Block } from "../../../../tunnels/model/block.ts";

const KEYS = [
  ["10-77-3-64-26", "10.77.3.64/26"],
  ["fd77--40-122", "fd77::40/122"],
] as const;

/** The value amidst others, as in a page. */
function readPlainBlock(cidr: string, value: string): Block | undefined {
  const [before, behind] = ['{"a":"b"}\x12', '"}'];
  const [from, to] = [before.length, before.length + value.length];
  return plainBlock.readPlainBlock(cidr.replace("/", "-"), {
    text: before + value + behind,
    from,
    to,
  });
}

/** What the long way makes of a text, undefined where it refuses or has something to say. */
function longWay(name: string, text: string): string | undefined {
  try {
    const spec: unknown = JSON.parse(text);
    const apiVersion = "projectcalico.org/v3";
    const raw = { apiVersion, kind: "IPAMBlock", metadata: { name }, spec };
    const { resource, problems } = readRecord(raw);
    return resource === undefined || problems.length > 0 ? undefined : encodeResource(resource);
  } catch {
    return undefined;
  }
}

const nodes = fc.constantFrom("alder", "birch");
const attributes = fc.array(
  fc.record({
    handle_id: fc.option(fc.constantFrom("vxlan-tunnel-addr-alder", "k8s-pod-network.bb02")),
    secondary: fc.option(
      fc.oneof(
        { weight: 6, arbitrary: fc.record({ node: fc.constant("alder"), pod: fc.string() }) },
        fc.record({ node: nodes, namespace: fc.constant("shop") }),
      ),
    ),
  }),
  { maxLength: 4 },
);
const blocks = fc
  .record(
    {
      affinity_claim_time: fc.constant("2026-01-05T10:00:01Z"),
      allocations: fc.array(fc.option(fc.nat(4)), { maxLength: 6 }),
      unallocated: fc.array(fc.nat(63), { maxLength: 6 }),
      attributes,
      sequenceNumber: fc.nat(),
      sequenceNumberForAllocation: fc.dictionary(fc.constantFrom("0", "7"), fc.nat()),
      deleted: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.boolean()),
      extra: fc.constant(1),
    },
    { requiredKeys: ["allocations", "attributes"] },
  )
  .map(({ extra, ...rest }) =>
    extra === 1 && rest.sequenceNumber === 7 ? { extra, ...rest } : rest,
  );

test("readPlainBlock reads what Calico writes", () => {
  const value = {
    cidr: "10.77.3.64/26",
    affinity: "host:alder",
    allocations: [0, null, 1],
    unallocated: [1],
    attributes: [
      { handle_id: "vxlan-tunnel-addr-alder", secondary: { node: "alder", type: "x" } },
      { handle_id: null, secondary: null },
    ],
    sequenceNumber: 417,
    sequenceNumberForAllocation: { "0": 401 },
    deleted: false,
  };
  const [name, cidr] = KEYS[0];
  const block = readPlainBlock(cidr, JSON.stringify(value));
  expect(block).toMatchObject({ kind: "IPAMBlock", name, node: "alder", borrowed: [] });
  expect(String(block?.cidr)).toBe(cidr);
});

test("readPlainBlock leaves to the long way what it does not know, and blocks that lend", () => {
  const [, cidr] = KEYS[0];
  const base = { cidr, affinity: "host:alder" };
  const lends = [{ handle_id: "h", secondary: { node: "birch" } }];
  for (const value of [
    { ...base, affinity: "virtual:x" },
    { ...base, deleted: true },
    { ...base, alsoNew: 1 },
    { ...base, attributes: lends },
    { ...base, cidr: "10.77.3.0/26" },
    { affinity: "host:alder", cidr },
  ]) {
    expect(readPlainBlock(cidr, JSON.stringify(value))).toBeUndefined();
  }
  expect(readPlainBlock(cidr, JSON.stringify(base, undefined, 1))).toBeUndefined();
  expect(readPlainBlock(cidr, `${JSON.stringify(base)}x`)).toBeUndefined();
});

test("readPlainBlock says nothing else than the long way, whatever a text is", () => {
  const changes = fc.record({
    at: fc.nat(),
    remove: fc.nat(3),
    insert: fc.string({ maxLength: 3 }),
  });
  let plain = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...KEYS),
      nodes,
      blocks,
      fc.option(changes),
      ([name, cidr], node, rest, change) => {
        let text = JSON.stringify({ cidr, affinity: `host:${node}`, ...rest });
        if (change !== null) {
          const at = change.at % text.length;
          text = text.slice(0, at) + change.insert + text.slice(at + change.remove);
        }
        const block = readPlainBlock(cidr, text);
        if (block === undefined) return;
        plain++;
        expect(encodeResource(block)).toBe(longWay(name, text));
      },
    ),
    { numRuns: 5_000 },
  );
  // Else it would hold of nothing.
  expect(plain).toBeGreaterThan(500);
});
