/**
 * Memory whose bytes the processor adds up 64 at a time: JavaScript has no instructions for that, but
 * WebAssembly has, on a memory of its own. The sum over the payload is most of what a packet costs
 * outside of the kernel, and this way it costs a quarter.
 *
 *   sum(at: i32, length: i32) -> f64
 *     even, odd = two halves of 64 bits each, all zero
 *     for each 16 bytes:  even += their even words of 32 bits;  odd += their odd ones
 *     all four halves, and the up to 15 bytes behind, are the result
 *
 * Why wide little-endian words may be added says `sumBytes`. The program is so short that it stands
 * here in its binary form (WebAssembly Core Specification 2.0, chapter 5).
 */
import { foldLittleEndian, type SumBytes, sumBytes } from "./checksum.ts";

export interface SummedMemory {
  /** All zero; its address never changes. */
  readonly buffer: ArrayBuffer;
  /** Gives what `sumBytes` gives; only for views on `buffer`. */
  readonly sumBytes: SumBytes;
}

/** Where WebAssembly has no vectors, adding up is no quicker than `sumBytes`. */
export function newSummedMemory(bytes: number): SummedMemory {
  if (!WebAssembly.validate(PROGRAM)) return { buffer: new ArrayBuffer(bytes), sumBytes };
  const pages = Math.ceil(bytes / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const module = new WebAssembly.Module(PROGRAM);
  const { sum } = new WebAssembly.Instance(module, { m: { m: memory } }).exports;
  return {
    buffer: memory.buffer,
    sumBytes: (_, at, length) => foldLittleEndian(sum(at, length)),
  };
}

/** What is needed of it; Node has it, but TypeScript knows it as a part of browsers alone. */
declare const WebAssembly: {
  validate(program: Uint8Array): boolean;
  Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  Module: new (program: Uint8Array) => object;
  Instance: new (
    module: object,
    imports: { m: { m: object } },
  ) => { readonly exports: { readonly sum: (at: number, length: number) => number } };
};

const PAGE = 0x10000;

// Types.
const I32 = 0x7f;
const I64 = 0x7e;
const F64 = 0x7c;
const V128 = 0x7b;
const NO_RESULT = 0x40;

// Locals, the first two are parameters.
const AT = 0;
const LENGTH = 1;
const END = 2;
const TOTAL = 3;
const EVEN = 4;
const ODD = 5;
const WORDS = 6;

// Instructions.
const BLOCK = [0x02, NO_RESULT];
const LOOP = [0x03, NO_RESULT];
const IF = [0x04, NO_RESULT];
const END_OF_BLOCK = 0x0b;
const BR = 0x0c;
const BR_IF = 0x0d;
const I64_LOAD8_U = 0x31;
const I64_LOAD16_U = 0x33;
const I64_LOAD32_U = 0x35;
const I32_GT_U = 0x4b;
const I32_ADD = 0x6a;
const I32_AND = 0x71;
const I64_ADD = 0x7c;
const F64_CONVERT_I64_U = 0xba;
const V128_LOAD = [0xfd, 0x00];
const V128_CONST = [0xfd, 0x0c];
const I64X2_EXTRACT_LANE = [0xfd, 0x1d];
const V128_AND = [0xfd, 0x4e];
const I64X2_SHR_U = [0xfd, 0xcd, 0x01];
const I64X2_ADD = [0xfd, 0xce, 0x01];

const EVEN_WORDS = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
/** A signed LEB128 number of one or two bytes. */
const i32 = (value: number): number[] =>
  value < 64 ? [0x41, value] : [0x41, (value & 0x7f) | 0x80, value >> 7];
/** Length and bytes, as every part of a module is written. */
const sized = (bytes: readonly number[]): number[] => [
  ...(bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7]),
  ...bytes,
];
const section = (id: number, ...bytes: number[]): number[] => [id, ...sized(bytes)];
const name = (text: string): number[] => sized([...text].map((letter) => letter.charCodeAt(0)));

const advance = (bytes: number): number[] => [...get(AT), ...i32(bytes), I32_ADD, ...set(AT)];

/** Adds the 16 bytes that are `offset` behind `AT`. */
const addVector = (offset: number): number[] => [
  ...[...get(EVEN), ...get(AT), ...V128_LOAD, 0, offset, ...tee(WORDS)],
  ...[...V128_CONST, ...EVEN_WORDS, ...V128_AND, ...I64X2_ADD, ...set(EVEN)],
  ...[...get(ODD), ...get(WORDS), ...i32(32), ...I64X2_SHR_U, ...I64X2_ADD, ...set(ODD)],
];

/** As long as there are so many bytes, adds them. */
const addVectors = (bytes: number): number[] => [
  ...[...BLOCK, ...LOOP],
  ...[...get(AT), ...i32(bytes), I32_ADD, ...get(END), I32_GT_U, BR_IF, 1],
  ...Array.from({ length: bytes / 16 }, (_, vector) => addVector(vector * 16)).flat(),
  ...[...advance(bytes), BR, 0],
  ...[END_OF_BLOCK, END_OF_BLOCK],
];

const addToTotal = (...value: number[]): number[] => [
  ...get(TOTAL),
  ...value,
  I64_ADD,
  ...set(TOTAL),
];

const addHalf = (half: number, lane: number): number[] =>
  addToTotal(...get(half), ...I64X2_EXTRACT_LANE, lane);

/** If so many bytes are left behind all vectors, adds them. */
const addRest = (bytes: number, load: number, loaded: number): number[] => [
  ...[...get(LENGTH), ...i32(bytes), I32_AND, ...IF],
  ...Array.from({ length: bytes / loaded }, (_, word) =>
    addToTotal(...get(AT), load, 0, word * loaded),
  ).flat(),
  ...[...advance(bytes), END_OF_BLOCK],
];

const SUM = [
  ...[3, 1, I32, 1, I64, 3, V128],
  ...[...get(AT), ...get(LENGTH), I32_ADD, ...set(END)],
  ...addVectors(64),
  ...addVectors(16),
  ...[...addHalf(EVEN, 0), ...addHalf(EVEN, 1), ...addHalf(ODD, 0), ...addHalf(ODD, 1)],
  ...addRest(8, I64_LOAD32_U, 4),
  ...addRest(4, I64_LOAD32_U, 4),
  ...addRest(2, I64_LOAD16_U, 2),
  ...addRest(1, I64_LOAD8_U, 1),
  ...[...get(TOTAL), F64_CONVERT_I64_U, END_OF_BLOCK],
];

const PROGRAM = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  // One type, one imported memory, one function of that type, one export, its body.
  ...section(1, 1, 0x60, 2, I32, I32, 1, F64),
  ...section(2, 1, ...name("m"), ...name("m"), 2, 0, 1),
  ...section(3, 1, 0),
  ...section(7, 1, ...name("sum"), 0, 0),
  ...section(10, 1, ...sized(SUM)),
);
