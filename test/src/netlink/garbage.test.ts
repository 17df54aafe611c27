/** Whatever bytes come, decoding ends, and with a value or a CausewayError. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CausewayError } from "../../../src/errors.ts";
import { readAddress } from "../../../src/netlink/address.ts";
import { Attributes } from "../../../src/netlink/attribute.ts";
import { readFdbEntry } from "../../../src/netlink/fdb.ts";
import { readLink } from "../../../src/netlink/link.ts";
import { type Message, messagesIn } from "../../../src/netlink/message.ts";
import { readNeighbour } from "../../../src/netlink/neighbour.ts";
import { readDone, readError } from "../../../src/netlink/netlink-error.ts";
import { readNexthop } from "../../../src/netlink/nexthop.ts";
import { RouteRows } from "../../../src/netlink/route-rows.ts";
import { PathTable } from "../../../tunnels/kernel/path-table.ts";
import * as dumps from "../../fixtures/netlink/dumps.ts";
import { fixtureDevices, messageOf } from "../../support/netlink-bytes.ts";

const devices = fixtureDevices();

const READERS: [string, string, (message: Message) => unknown][] = [
  ["readLink", dumps.VXLAN_LINK, (message) => readLink(message, devices)],
  ["readAddress", dumps.ADDRESS_6, (message) => readAddress(message, devices)],
  ["readNeighbour", dumps.NEIGHBOUR_6, (message) => readNeighbour(message, devices)],
  ["readFdbEntry", dumps.FDB_ENTRY, (message) => readFdbEntry(message, devices)],
  ["readNexthop", dumps.NEXTHOP_6, (message) => readNexthop(message, devices)],
  ["readError", dumps.ADDRESS_4, readError],
  ["readDone", dumps.ADDRESS_4, readDone],
  ["a route", dumps.ROUTE_NEXTHOP_6, readRoute],
  ["a multipath route", dumps.ROUTE_MULTIPATH, readRoute],
];

function readRoute(message: Message): unknown {
  const rows = new RouteRows(new PathTable(), devices);
  const visitor = { owned: () => undefined, wants: () => true, foreign: () => undefined };
  for (const family of [4, 6] as const) rows.visit(message.view, message.end, family, visitor);
  return rows.read(message);
}

function mayOnlyThrowCausewayError(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof CausewayError)) throw error;
  }
}

describe.each(READERS)("%s", (_, hex, read) => {
  test("survives every truncation", () => {
    const bytes = Buffer.from(hex, "hex");
    for (let length = 16; length < bytes.length; length++) {
      const cut = Buffer.from(bytes.subarray(0, length));
      cut.writeUInt32LE(length, 0);
      mayOnlyThrowCausewayError(() => read(messageOf(cut.toString("hex"))));
    }
  });

  test("survives changed bytes", () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
        const bytes = Buffer.from(hex, "hex");
        for (const [at, value] of changes) bytes[16 + (at % (bytes.length - 16))] = value;
        mayOnlyThrowCausewayError(() => read(messageOf(bytes.toString("hex"))));
      }),
    );
  });
});

test("messagesIn refuses cut-off and impossible headers, and never runs on", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const view = new DataView(Uint8Array.from(bytes).buffer);
      mayOnlyThrowCausewayError(() => [...messagesIn(view, bytes.length)]);
    }),
  );
  const lengthOfZero = new DataView(new ArrayBuffer(32));
  expect(() => [...messagesIn(lengthOfZero, 32)]).toThrow(/says 0 bytes where 32 are left/);
  expect(() => [...messagesIn(lengthOfZero, 8)]).toThrow(/8 bytes for a header/);
});

test("Attributes ignores what follows an impossible length, and says which one is too short", () => {
  const bytes = Buffer.from("0800010001000000" + "0600020005000000" + "ffff030000000000", "hex");
  const view = new DataView(Uint8Array.from(bytes).buffer);
  const attributes = new Attributes(view, 0, bytes.length);
  expect(attributes.u32(1)).toBe(1);
  expect(attributes.has(3)).toBe(false);
  expect(() => attributes.u32(2)).toThrow("attribute 2 has 2 bytes, not 4");
});
