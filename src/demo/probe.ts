/** Asks many pairs of addresses at once: is there an answer, how fast, how large may it be. */
import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf } from "../errors.ts";
import { type EchoPath, EchoSocket, SMALLEST_PACKET } from "./echo-socket.ts";

/** An answer is looked for in a tight loop so long: on one machine most are there at once. */
const SPIN_MS = 0.5;

export interface EchoResult {
  /** Round-trip time; undefined if nothing came back. */
  readonly milliseconds: number | undefined;
  /** Why nothing came back: a symbolic errno, for example EMSGSIZE, or "no answer". */
  readonly reason: string | undefined;
}

export interface PathProbe extends EchoResult {
  /** The largest IP packet that passed with DF set; undefined if none did. */
  readonly largest: number | undefined;
  /** How one byte more fails: "EMSGSIZE" where somebody on the way said so. */
  readonly beyond: string | undefined;
}

interface Attempt {
  readonly socket: EchoSocket;
  readonly size: number;
}

let sequence = 0;

/** Probes every path: a small packet first, then, if it is answered, the sizes up to `mtu`. */
export async function probePaths(
  paths: readonly EchoPath[],
  mtu: number,
  timeoutMs = 1_000,
): Promise<PathProbe[]> {
  const sockets = paths.map(openSocket);
  try {
    const probes = sockets.map((socket) =>
      socket instanceof EchoSocket ? new Search(socket, mtu) : socket,
    );
    const searches = probes.filter((probe) => probe instanceof Search);
    // Twice: the first packet of a path may pay for neighbours that must be resolved.
    await echoAll(
      searches.map(({ socket }) => ({ socket, size: SMALLEST_PACKET })),
      timeoutMs,
    );
    const small = searches.map(({ socket }) => ({ socket, size: SMALLEST_PACKET }));
    const answers = await echoAll(small, timeoutMs);
    for (const [at, search] of searches.entries()) search.begin(answers[at]);
    for (;;) {
      const open = searches.filter((search) => search.next !== undefined);
      if (open.length === 0) break;
      const attempts = open.map(({ socket, next }) => ({ socket, size: next ?? mtu }));
      const results = await echoAll(attempts, timeoutMs);
      for (const [at, search] of open.entries()) search.tried(results[at]);
    }
    return probes.map((probe) => (probe instanceof Search ? probe.result() : probe));
  } finally {
    for (const socket of sockets) if (socket instanceof EchoSocket) socket.close();
  }
}

function openSocket(path: EchoPath): EchoSocket | PathProbe {
  try {
    return new EchoSocket(path);
  } catch (error) {
    const reason = (error as { code?: string }).code ?? reasonOf(error);
    return { milliseconds: undefined, reason, largest: undefined, beyond: undefined };
  }
}

/** Finds the largest packet of one path: the whole MTU first, then by halves. */
class Search {
  readonly socket: EchoSocket;
  /** The size to try now. */
  next: number | undefined;
  #passes = SMALLEST_PACKET;
  #fails: number;
  #beyond: string | undefined;
  #small: EchoResult = { milliseconds: undefined, reason: "no answer" };

  constructor(socket: EchoSocket, mtu: number) {
    this.socket = socket;
    this.#fails = mtu + 1;
  }

  begin(small: EchoResult | undefined): void {
    if (small !== undefined) this.#small = small;
    if (this.#small.milliseconds !== undefined) this.next = this.#fails - 1;
  }

  tried(result: EchoResult | undefined): void {
    const size = this.next ?? this.#passes;
    if (result?.milliseconds !== undefined) this.#passes = size;
    else {
      this.#fails = size;
      this.#beyond = result?.reason;
    }
    const isDone = this.#fails - this.#passes <= 1;
    this.next = isDone ? undefined : Math.floor((this.#passes + this.#fails) / 2);
  }

  result(): PathProbe {
    const isAnswered = this.#small.milliseconds !== undefined;
    return {
      ...this.#small,
      largest: isAnswered ? this.#passes : undefined,
      beyond: this.#beyond,
    };
  }
}

/** One packet on each socket. Late answers are waited for together. */
async function echoAll(attempts: readonly Attempt[], timeoutMs: number): Promise<EchoResult[]> {
  const results: (EchoResult | undefined)[] = [];
  const sent: { at: number; number: number }[] = [];
  attempts.forEach(({ socket, size }, index) => {
    const number = ++sequence;
    // What is left of an earlier packet would be taken for the answer to this one.
    while (socket.receive() !== undefined);
    const at = performance.now();
    const refused = socket.send(number, size);
    sent[index] = { at, number };
    results[index] = refused === undefined ? spin(socket, number, at) : failed(refused);
  });
  const end = performance.now() + timeoutMs;
  const isOpen = (): boolean => attempts.some((_, index) => results[index] === undefined);
  while (isOpen() && performance.now() < end) {
    await sleep(1);
    attempts.forEach(({ socket }, index) => {
      const { at, number } = sent[index] ?? { at: 0, number: 0 };
      results[index] ??= hear(socket, number, at);
    });
  }
  return attempts.map((_, index) => results[index] ?? failed("no answer"));
}

function spin(socket: EchoSocket, number: number, at: number): EchoResult | undefined {
  do {
    const result = hear(socket, number, at);
    if (result !== undefined) return result;
  } while (performance.now() - at < SPIN_MS);
  return undefined;
}

function hear(socket: EchoSocket, number: number, at: number): EchoResult | undefined {
  for (;;) {
    const answer = socket.receive();
    if (answer === undefined) return undefined;
    if (typeof answer === "string") return failed(answer);
    if (answer === number) return { milliseconds: performance.now() - at, reason: undefined };
  }
}

function failed(reason: string): EchoResult {
  return { milliseconds: undefined, reason };
}
