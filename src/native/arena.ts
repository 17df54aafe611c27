/**
 * Memory at an address that never changes, for packets and for the kernel's structures about them.
 * Everything in it is named by its offset, so that one DataView and one array of words reach all of
 * it, and nothing is allocated while packets flow.
 *
 * It does not cross a multiple of 4 GiB, so that all pointers into it have the same upper half:
 * a structure's pointer changes by storing 32 bits.
 */
import type { SumBytes } from "../../encap/header/checksum.ts";
import { newSummedMemory, type SummedMemory } from "../../encap/header/summed-memory.ts";
import { addressOf } from "./linux.ts";

const LINE = 2 ** 32;
const BYTES_PER_WORD = 4;

/** Machines whose structures have the layout that is written here: 64 bits, little-endian. */
const ARCHITECTURES: readonly string[] = ["x64", "arm64", "riscv64", "loong64"];

/** Undefined if packets can be moved here by an arena, else why not. */
export function arenaObstacle(architecture: string = process.arch): string | undefined {
  if (ARCHITECTURES.includes(architecture)) return undefined;
  return `processor architecture ${architecture} is not one of ${ARCHITECTURES.join(", ")}`;
}

export class Arena {
  readonly view: DataView;
  /** All of it as words in host order; index = offset / 4. */
  readonly words: Int32Array;
  /** `sumBytes` for `view` alone, as quick as it gets. */
  readonly sumBytes: SumBytes;
  /** Address of the first byte. */
  readonly base: number;
  /** The halves of `base`, as signed words. */
  readonly lowBase: number;
  readonly highBase: number;
  readonly #size: number;
  #reserved = 0;

  /** @throws CausewayError if koffi cannot be loaded, unless nobody asks for addresses. */
  constructor(size: number, locate: (bytes: Uint8Array) => number = addressInMemory) {
    // One of two neighbours that touch a line is clear of it; the first is held until then.
    const held: SummedMemory[] = [];
    let memory: SummedMemory;
    do {
      memory = newSummedMemory(size);
      held.push(memory);
      this.base = locate(new Uint8Array(memory.buffer));
    } while (crossesLine(this.base, size));
    this.view = new DataView(memory.buffer);
    this.words = new Int32Array(memory.buffer);
    this.sumBytes = memory.sumBytes;
    this.lowBase = (this.base % LINE) | 0;
    this.highBase = Math.floor(this.base / LINE) | 0;
    this.#size = size;
  }

  /** Offset of `bytes` zero bytes that nothing else has. @throws RangeError if it is full. */
  reserve(bytes: number, alignment = 64): number {
    const misplaced = (this.base + this.#reserved) % alignment;
    const at = this.#reserved + (misplaced === 0 ? 0 : alignment - misplaced);
    if (at + bytes > this.#size) throw new RangeError(`arena of ${this.#size} bytes is too small`);
    this.#reserved = at + bytes;
    return at;
  }

  /** Writes a pointer to the byte at `target` into the 8 bytes at `at`, a multiple of 4. */
  setPointer(at: number, target: number): void {
    const word = at / BYTES_PER_WORD;
    this.words[word] = (this.lowBase + target) | 0;
    this.words[word + 1] = this.highBase;
  }
}

function addressInMemory(bytes: Uint8Array): number {
  return Number(addressOf(bytes));
}

function crossesLine(address: number, size: number): boolean {
  return Math.floor(address / LINE) !== Math.floor((address + size - 1) / LINE);
}
