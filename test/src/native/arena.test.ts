import { expect, test } from "vitest";
import { Arena, arenaObstacle } from "../../../src/native/arena.ts";

test("reserve gives aligned places that do not overlap", () => {
  const arena = new Arena(4096);
  const first = arena.reserve(10);
  const second = arena.reserve(100, 256);
  expect((arena.base + first) % 64).toBe(0);
  expect((arena.base + second) % 256).toBe(0);
  expect(second).toBeGreaterThanOrEqual(first + 10);
});

test("reserve refuses what does not fit", () => {
  const arena = new Arena(256);
  expect(() => arena.reserve(257)).toThrow(RangeError);
});

test("setPointer writes the address in the kernel's layout", () => {
  const arena = new Arena(4096);
  const at = arena.reserve(8);
  arena.setPointer(at, 100);
  expect(arena.view.getBigUint64(at, true)).toBe(BigInt(arena.base + 100));
});

test("arenaObstacle names a processor whose structures look different", () => {
  expect(arenaObstacle("x64")).toBeUndefined();
  expect(arenaObstacle("arm64")).toBeUndefined();
  expect(arenaObstacle("s390x")).toContain("s390x");
  expect(arenaObstacle("arm")).toContain("arm");
});
