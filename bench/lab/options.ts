/** What every benchmark takes on its command line, and how it starts and fails. */
import { parseArgs } from "node:util";

export interface BenchOptions {
  /** Fewer repetitions: to see that everything works, not to measure. */
  readonly quick: boolean;
  /** "NODESxBLOCKS"; empty for the sizes that the benchmark has of its own. */
  readonly sizes: readonly Size[];
  /** How long a soak takes. */
  readonly minutes: number;
  /** Seconds that are left to others between two contenders. */
  readonly pause: number;
}

export interface Size {
  readonly nodes: number;
  readonly blocks: number;
}

export function sizeName({ nodes, blocks }: Size): string {
  return `${nodes.toLocaleString("en-US")} nodes x ${blocks} blocks`;
}

/** Runs a benchmark; a failure is printed and gives exit code 2, a missed requirement gives 1. */
export async function runBenchmark(
  benchmark: (options: BenchOptions) => Promise<void>,
): Promise<void> {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: "boolean", default: false },
        size: { type: "string", multiple: true, default: [] },
        minutes: { type: "string", default: "60" },
        pause: { type: "string", default: "0" },
      },
    });
    await benchmark({
      quick: values.quick,
      sizes: values.size.map(parseSize),
      minutes: Number(values.minutes),
      pause: Number(values.pause),
    });
    process.exit();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}

function parseSize(text: string): Size {
  const match = /^(\d+)x(\d+)$/.exec(text);
  if (match === null) throw new Error(`--size ${text}: write NODESxBLOCKS, for example 1000x20`);
  return { nodes: Number(match[1]), blocks: Number(match[2]) };
}
