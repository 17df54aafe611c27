import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cidr } from "../../encap/address/cidr.ts";
import { addressBits, type Family, IpAddress } from "../../encap/address/ip-address.ts";
import { buildRemoteTable } from "../../encap/build-remote-table.ts";
import { NO_REMOTE, type RemotePrefix } from "../../encap/prefix-columns.ts";
import type { RemoteTable } from "../../encap/remote-table.ts";
import { RemoteTableDraft } from "../../encap/remote-table-draft.ts";

function build(draft: RemoteTableDraft): RemoteTable {
  const walk = draft.build();
  for (;;) {
    const step = walk.next();
    if (step.done) return step.value;
  }
}

function bytes(table: RemoteTable): Buffer {
  return Buffer.from(new Uint8Array(table.buffer));
}

/** Few prefixes, so that changes meet the same ones again, nested ones among them. */
function change(family: Family): fc.Arbitrary<RemotePrefix> {
  return fc
    .tuple(fc.nat({ max: 15 }), fc.constantFrom(0, 1, 3, 4), fc.integer({ min: -1, max: 3 }))
    .map(([block, wider, remote]) => {
      const [word, bits] = [0x0a000000 + block * 64, addressBits(family)];
      const address =
        family === 4 ? new IpAddress(4, word) : new IpAddress(6, 0xfd000000, 0, word, word);
      return { cidr: new Cidr(address, bits - 6 - wider), remote };
    });
}

describe.each([4, 6] as const)("IPv%i", (family) => {
  test("RemoteTableDraft builds what its changes come to, whatever was built in between", () => {
    const batches = fc.array(fc.array(change(family), { maxLength: 12 }), { maxLength: 8 });
    fc.assert(
      fc.property(batches, (changes) => {
        const draft = new RemoteTableDraft();
        const wanted = new Map<string, RemotePrefix>();
        for (const batch of changes) {
          for (const { cidr, remote } of batch) {
            draft.set(cidr, remote);
            if (remote === NO_REMOTE) wanted.delete(`${cidr}`);
            else wanted.set(`${cidr}`, { cidr, remote });
          }
          const expected = buildRemoteTable([...wanted.values()]);
          expect(bytes(build(draft)).equals(bytes(expected))).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("RemoteTableDraft sorts many changes in any order, the last of a prefix counts", () => {
    const block = (at: number): Cidr => {
      const word = 0x0a000000 + at * 64;
      if (family === 4) return new Cidr(new IpAddress(4, word), 26);
      return new Cidr(new IpAddress(6, 0xfd000000, 0, 0, word), 122);
    };
    const draft = new RemoteTableDraft();
    const count = 9_000;
    for (let at = 0; at < count; at++) draft.set(block((at * 7_001) % count), 0);
    for (let at = count - 1; at >= 0; at--) draft.set(block(at), at);
    for (let at = 0; at < count; at += 3) draft.set(block(at), NO_REMOTE);
    const expected = Array.from({ length: count }, (_, at) => ({ cidr: block(at), remote: at }));
    const table = buildRemoteTable(expected.filter((_, at) => at % 3 !== 0));
    expect(bytes(build(draft)).equals(bytes(table))).toBe(true);
  });
});

test("RemoteTableDraft gives the same table as long as nothing changes", () => {
  const draft = new RemoteTableDraft();
  const none = build(draft);
  expect(build(draft)).toBe(none);
  draft.set(new Cidr(new IpAddress(4, 0x0a000000), 26), 1);
  expect(draft.isChanged).toBe(true);
  const one = build(draft);
  expect(one).not.toBe(none);
  expect(none.lookupIpv4(0x0a000000)).toBe(NO_REMOTE);
  expect(build(draft)).toBe(one);
});

test("RemoteTableDraft keeps the changes of a build that is given up", () => {
  const draft = new RemoteTableDraft();
  build(draft);
  draft.set(new Cidr(new IpAddress(4, 0x0a000000), 26), 1);
  draft.set(new Cidr(new IpAddress(6, 0xfd000000), 64), 2);
  for (let steps = 0; ; steps++) {
    const walk = draft.build();
    let isDone = false;
    for (let step = 0; step <= steps && !isDone; step++) isDone = walk.next().done === true;
    if (isDone) break;
    expect(draft.isChanged).toBe(true);
  }
  const table = build(draft);
  expect(table.lookupIpv4(0x0a00003f)).toBe(1);
  expect(table.lookupIpv6(0xfd000000, 0, 1, 1)).toBe(2);
});
