import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DropReason } from "../../encap/drop-reason.ts";
import {
  decapsulateEcn,
  decapsulateTrafficClass,
  ECN_CE,
  ECN_DROP,
  ECN_ECT_0,
  ECN_ECT_1,
  ECN_NOT_ECT,
  type EcnMode,
  encapsulateEcn,
  isUnexpectedEcn,
} from "../../encap/ecn.ts";
import { IpPacket, readIpPacket } from "../../encap/ip-packet.ts";
import { exactView, hexAt, packetOf } from "../support/packet-bytes.ts";
import { byte, packetPlan } from "../support/random-packets.ts";

const CODEPOINTS: Record<string, number> = {
  "Not-ECT": ECN_NOT_ECT,
  "ECT(0)": ECN_ECT_0,
  "ECT(1)": ECN_ECT_1,
  CE: ECN_CE,
  "<drop>": ECN_DROP,
};

function rows(table: string): string[][] {
  return table
    .trim()
    .split("\n")
    .map((line) =>
      line
        .split("|")
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
}

const point = (text: string | undefined): number => CODEPOINTS[text as string] as number;

test("the codepoints are those of RFC 3168 section 5", () => {
  expect([ECN_NOT_ECT, ECN_ECT_1, ECN_ECT_0, ECN_CE]).toEqual([0b00, 0b01, 0b10, 0b11]);
});

// Figure 3, "New IP in IP Encapsulation Behaviours"; the last column is Linux's
// INET_ECN_encapsulate.
const ENCAPSULATION = `
  |  Not-ECT |  Not-ECT      |  Not-ECT  |  Not-ECT  |
  |  ECT(0)  |  Not-ECT      |  ECT(0)   |  ECT(0)   |
  |  ECT(1)  |  Not-ECT      |  ECT(1)   |  ECT(1)   |
  |  CE      |  Not-ECT      |  CE       |  ECT(0)   |`;

describe.each(rows(ENCAPSULATION))("inner %s", (inner, compatibility, normal, linux) => {
  test.each([
    ["compatibility", compatibility],
    ["normal", normal],
    ["linux", linux],
  ])("encapsulateEcn gives in %s mode the outer %s", (mode, outer) => {
    expect(encapsulateEcn(point(inner), mode as EcnMode)).toBe(point(outer));
  });
});

// Figure 4, "New IP in IP Decapsulation Behaviour", literally; columns are the outer header.
const OUTER = ["Not-ECT", "ECT(0)", "ECT(1)", "CE"];
const DECAPSULATION = `
  | Not-ECT | Not-ECT |Not-ECT(!!!)|Not-ECT(!!!)| <drop>(!!!)|
  |  ECT(0) |  ECT(0) | ECT(0)     | ECT(1)     |     CE     |
  |  ECT(1) |  ECT(1) | ECT(1) (!) | ECT(1)     |     CE     |
  |    CE   |      CE |     CE     |     CE(!!!)|     CE     |`;

const CASES = rows(DECAPSULATION).flatMap(([inner, ...results]) =>
  results.map((result, at) => [inner as string, OUTER[at] as string, result] as const),
);

test.each(CASES)("decapsulateEcn makes of inner %s and outer %s: %s", (inner, outer, result) => {
  const [text, mark] = result.split(/\s*(?=\(!)/);
  expect(decapsulateEcn(point(inner), point(outer))).toBe(point(text));
  expect(isUnexpectedEcn(point(inner), point(outer))).toBe(mark !== undefined);
});

describe.each([4, 6] as const)("IPv%i", (family) => {
  test("decapsulateTrafficClass changes the inner packet as the table says", () => {
    fc.assert(
      fc.property(packetPlan(family), byte, fc.boolean(), (plan, outer, copyDscp) => {
        const view = exactView(packetOf(plan));
        const inner = new IpPacket();
        readIpPacket(view, 0, view.byteLength, inner);
        const reason = decapsulateTrafficClass(view, inner, outer, copyDscp);
        const ecn = decapsulateEcn(plan.trafficClass & 3, outer & 3);
        if (ecn === ECN_DROP) {
          expect(reason).toBe(DropReason.EcnNotCapable);
          return;
        }
        expect(reason).toBe(DropReason.None);
        const dscp = (copyDscp ? outer : plan.trafficClass) >> 2;
        const trafficClass = (dscp << 2) | ecn;
        expect(hexAt(view)).toBe(hexAt(exactView(packetOf({ ...plan, trafficClass }))));
      }),
    );
  });
});
