import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sumBytes } from "../../../encap/header/checksum.ts";
import { newSummedMemory } from "../../../encap/header/summed-memory.ts";
import { plainSum } from "../../support/packet-bytes.ts";
import { bytes } from "../../support/random-packets.ts";

describe("newSummedMemory", () => {
  const { buffer, sumBytes: sum } = newSummedMemory(200_000);
  const memory = new Uint8Array(buffer);
  const view = new DataView(buffer);

  test("has room for what was asked for, all zero, and a sum of its own", () => {
    const fresh = newSummedMemory(200_000);
    expect(fresh.buffer.byteLength).toBeGreaterThanOrEqual(200_000);
    expect(new Uint8Array(fresh.buffer).every((byte) => byte === 0)).toBe(true);
    expect(fresh.sumBytes).not.toBe(sumBytes);
  });

  test("adds up any bytes anywhere as word by word, whatever is around them", () => {
    memory.fill(0xa5);
    fc.assert(
      fc.property(bytes(0, 300), fc.nat({ max: 1000 }), (data, at) => {
        memory.set(data, at);
        expect(sum(view, at, data.length)).toBe(plainSum(data));
        memory.fill(0xa5, at, at + data.length);
      }),
      { numRuns: 500 },
    );
  });

  test("adds up every length up to three vectors of the long loop", () => {
    for (let index = 0; index < 256; index++) memory[index] = (index * 151 + 7) & 0xff;
    for (let length = 0; length <= 200; length++) {
      expect(sum(view, 1, length), `${length} bytes`).toBe(plainSum(memory.slice(1, 1 + length)));
    }
  });

  test("keeps every carry of 128 KiB of ones", () => {
    memory.fill(0xff);
    expect(sum(view, 3, 0x20000)).toBe(0xffff);
    memory[3 + 0x1ffff] = 0xfe;
    expect(sum(view, 3, 0x20000)).toBe(0xfffe);
  });

  test("adds up the last byte of the memory", () => {
    memory.fill(0);
    memory[memory.length - 1] = 0x12;
    expect(sum(view, memory.length - 17, 17)).toBe(0x1200);
  });
});
