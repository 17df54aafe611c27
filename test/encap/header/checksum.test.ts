import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  finishChecksum,
  finishUdpChecksum,
  foldSum,
  isSumRight,
  sumBytes,
  sumHeader,
  sumIpv4PseudoHeader,
  sumIpv6PseudoHeader,
  updateChecksum,
} from "../../../encap/header/checksum.ts";
import { exactView, plainSum, viewOf } from "../../support/packet-bytes.ts";
import { bytes, word } from "../../support/random-packets.ts";

describe("sumBytes", () => {
  test("gives the sum of the RFC 1071 section 3 example", () => {
    expect(sumBytes(viewOf("0001f203f4f5f6f7"), 0, 8)).toBe(0xddf2);
  });

  test("pads an odd last byte with zero behind it", () => {
    expect(sumBytes(viewOf("0102ab"), 0, 3)).toBe(0x0102 + 0xab00);
  });

  test("equals the word by word sum for every length and start", () => {
    fc.assert(
      fc.property(bytes(0, 200), fc.nat({ max: 9 }), (data, at) => {
        const from = Math.min(at, data.length);
        const sum = sumBytes(exactView(data), from, data.length - from);
        expect(sum).toBe(plainSum(data.subarray(from)));
      }),
    );
  });

  test("is what sumHeader gives for headers", () => {
    fc.assert(
      fc.property(bytes(60, 60), fc.integer({ min: 0, max: 15 }), (data, words) => {
        const view = exactView(data.subarray(0, words * 4));
        expect(sumHeader(view, 0, words * 4)).toBe(plainSum(data.subarray(0, words * 4)));
      }),
    );
  });

  test("keeps every carry of 64 KiB of ones", () => {
    const ones = new Uint8Array(0x10000).fill(0xff);
    expect(sumBytes(exactView(ones), 0, ones.length)).toBe(0xffff);
    ones[0xffff] = 0xfe;
    expect(sumBytes(exactView(ones), 0, ones.length)).toBe(0xfffe);
  });

  test("can be taken in parts of even length", () => {
    fc.assert(
      fc.property(bytes(2, 200), fc.nat(), (data, cut) => {
        const even = (cut % (data.length >> 1)) << 1;
        const view = exactView(data);
        const parts = sumBytes(view, 0, even) + sumBytes(view, even, data.length - even);
        expect(foldSum(parts)).toBe(plainSum(data));
      }),
    );
  });
});

test("finishUdpChecksum never gives zero, which would mean none", () => {
  expect(finishChecksum(0xffff)).toBe(0);
  expect(finishUdpChecksum(0xffff)).toBe(0xffff);
  expect(finishUdpChecksum(0x1ffff)).toBe(finishChecksum(0x1ffff));
});

describe("updateChecksum", () => {
  test("gives 0x0000 in the RFC 1624 section 4 example", () => {
    // The header's sum without the changed word is 0xcd7a and its checksum 0xdd2f.
    expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  test("equals a full calculation", () => {
    fc.assert(
      fc.property(bytes(20, 60), fc.nat({ max: 99 }), word, (data, where, value) => {
        const view = exactView(data.subarray(0, data.length & ~1));
        view.setUint16(0, 0x4500);
        view.setUint16(10, 0);
        view.setUint16(10, finishChecksum(sumBytes(view, 0, view.byteLength)));
        const at = 12 + ((where << 1) % (view.byteLength - 12));
        const updated = updateChecksum(view.getUint16(10), view.getUint16(at), value);
        view.setUint16(at, value);
        view.setUint16(10, 0);
        expect(updated).toBe(finishChecksum(sumBytes(view, 0, view.byteLength)));
      }),
    );
  });
});

describe("pseudo-headers", () => {
  // Captured: see test/fixtures/encap/captures.ts, the inner packets of VXLAN_UDP and VXLAN6_UDP.
  test("sumIpv4PseudoHeader verifies a datagram that Linux sent", () => {
    const view = viewOf(
      "45000024083c400040111ba40af400010af4010113881770001" + "01e276361757365776179",
    );
    const sum = sumIpv4PseudoHeader(view, 0, 17, 16) + sumBytes(view, 20, 16);
    expect(isSumRight(sum)).toBe(true);
    view.setUint8(35, 0x78);
    expect(isSumRight(sumIpv4PseudoHeader(view, 0, 17, 16) + sumBytes(view, 20, 16))).toBe(false);
  });

  test("sumIpv6PseudoHeader verifies a datagram that Linux sent", () => {
    const view = viewOf(
      "600ab2ab00101140fd000010024400000000000000000006fd000010024400010000000000000006" +
        "138817700010365a6361757365776179",
    );
    const sum = sumIpv6PseudoHeader(view, 0, 17, 16) + sumBytes(view, 40, 16);
    expect(isSumRight(sum)).toBe(true);
    view.setUint8(55, 0x78);
    expect(isSumRight(sumIpv6PseudoHeader(view, 0, 17, 16) + sumBytes(view, 40, 16))).toBe(false);
  });
});
