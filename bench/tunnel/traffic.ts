/** Traffic from node 1 to node 2, and what became of it. */
import { programPath } from "../lab/c-programs.ts";
import { sleep, until } from "../lab/command.ts";
import { inside, type Link, UNDER } from "./link.ts";

const ADDRESS = "10.244.2.1";

/**
 * Goodput of TCP in Mbit/s, over so many seconds.
 * @param write bytes of each write, iperf3's own 128 KiB without
 */
export async function tcpThroughput(
  link: Link,
  streams: number,
  seconds: number,
  write: number = 128 * 1024,
): Promise<number> {
  const [one, two] = link.nodes;
  const server = inside(two, "iperf3", ["-s", "-1"]);
  await until("iperf3 listening", 10, async () =>
    (await inside(two, "ss", ["-Hltn", "sport = :5201"])).includes("5201"),
  );
  const options = [
    ...["-c", ADDRESS, "-J", "-l", String(write)],
    ...["-P", String(streams), "-t", String(seconds)],
  ];
  const result = JSON.parse(await inside(one, "iperf3", options)) as {
    end: { sum_received: { bits_per_second: number } };
  };
  await server;
  return result.end.sum_received.bits_per_second / 1e6;
}

/** Thousands of packets of 64 bytes a second that arrive of the best of these offered rates. */
export async function packetRate(
  link: Link,
  rates: readonly number[],
  seconds: number,
): Promise<number> {
  let best = 0;
  for (const rate of rates) {
    const counted = countArriving(link, seconds + 1);
    await sleep(300);
    await offer(link, rate, seconds, "64", 2, 2);
    best = Math.max(best, (await counted) / seconds / 1000);
  }
  return best;
}

async function countArriving({ nodes: [, two] }: Link, seconds: number): Promise<number> {
  const text = await inside(two, programPath("udp-load"), ["count", String(seconds)]);
  return Number(/"packets":(\d+)/.exec(text)?.[1] ?? Number.NaN);
}

async function offer(
  { nodes: [one] }: Link,
  rate: number,
  seconds: number,
  sizes: string,
  first: number,
  last: number,
): Promise<void> {
  const args = ["send", String(rate), String(seconds), sizes, String(first), String(last)];
  await inside(one, programPath("udp-load"), args);
}

/** Thousands of outer packets a second that leave for many remotes, of mixed sizes. */
export async function mixedRate(link: Link, peers: number, seconds: number): Promise<number> {
  const before = await receivedPackets(link);
  await offer(link, 400_000, seconds, "64,576,1400,200,64,1000", 2, peers + 1);
  return ((await receivedPackets(link)) - before) / seconds / 1000;
}

async function receivedPackets({ nodes: [, two] }: Link): Promise<number> {
  const path = `/sys/class/net/${UNDER}/statistics/rx_packets`;
  return Number(await inside(two, "cat", [path]));
}

/** Mean round-trip in milliseconds, without other traffic. */
export async function idleRoundTrip(link: Link, count: number): Promise<number> {
  const options = ["-q", "-c", String(count), "-i", "0.01", ADDRESS];
  return meanRoundTrip(await inside(link.nodes[0], "ping", options));
}

/** The same while one TCP stream fills the way. */
export async function loadedRoundTrip(link: Link, seconds: number): Promise<number> {
  const load = tcpThroughput(link, 1, seconds + 1);
  await sleep(700);
  const count = String(Math.round(seconds * 50));
  const text = await inside(link.nodes[0], "ping", ["-q", "-c", count, "-i", "0.02", ADDRESS]);
  await load;
  return meanRoundTrip(text);
}

function meanRoundTrip(text: string): number {
  return Number(/= [\d.]+\/([\d.]+)\//.exec(text)?.[1] ?? Number.NaN);
}
