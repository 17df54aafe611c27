/**
 * The userspace data path on the machine's own kernel: nodes are network namespaces on one link (see
 * forwarder-lab.ts), packets are the kernel's. The compiled program is tested, because Node cannot run
 * a worker thread from TypeScript; the global set-up of these tests compiles it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hostCidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import { buildRemoteTable } from "../../encap/build-remote-table.ts";
import { DropReason } from "../../encap/drop-reason.ts";
import { tunnelMtu, type UnderlayMtu } from "../../encap/encap-mode.ts";
import type { ForwardingPlan, TunnelEndpoint } from "../../encap/forwarding-plan.ts";
import type { Engine } from "../../src/userspace/data-path.ts";
import type { Forwarder } from "../../src/userspace/forwarder.ts";
import { eventually } from "../support/cluster.ts";
import {
  DEVICE,
  type Encap,
  ForwarderLab,
  inner,
  mtuOf,
  type TunnelOptions,
  underlay,
} from "../support/userspace/forwarder-lab.ts";
import { streamBothWays } from "../support/userspace/streams.ts";

const MEGABYTES = 24 * 1024 * 1024;
const HUNDRED_MEGABYTES = 100 * 1024 * 1024;

interface PingOptions {
  readonly count?: number;
  /** Lets the kernel fragment the inner packets. */
  readonly fragment?: boolean;
  readonly flags?: string;
}

interface Pings {
  readonly sent: number;
  /** As many answers came as were asked for. */
  readonly answered: boolean;
  readonly text: string;
}

/** Sends pings as IP packets of `size` bytes from node 1 to node 2, until `count` were answered or 5 s are over. */
async function ping(
  lab: ForwarderLab,
  family: Family,
  size: number,
  { count = 3, fragment = false, flags = "" }: PingOptions = {},
): Promise<Pings> {
  const payload = size - (family === 4 ? 28 : 48);
  const discover = fragment ? "dont" : "do";
  const options = `-c ${count} -w 5 -i 0.05 -M ${discover} -s ${payload} ${flags}`;
  const text = await lab.exec(1, `ping ${options} ${inner(2, family)} 2>&1 || true`);
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? [];
  return { sent: Number(sent), answered: Number(received) >= count, text };
}

async function expectAnswers(...args: Parameters<typeof ping>): Promise<void> {
  const { answered, text } = await ping(...args);
  expect(answered, text).toBe(true);
}

function stream(lab: ForwarderLab, family: Family, bytes = MEGABYTES): Promise<void> {
  const address = inner(2, family);
  return streamBothWays({ from: lab.netns(1), to: lab.netns(2), address, bytes });
}

/** What tcpdump says of at least `packets` packets that enter the hub from node 1 while `action` runs. */
async function seenOnUnderlay(
  lab: ForwarderLab,
  action: () => Promise<unknown>,
  packets = 1,
): Promise<string> {
  const options = ["-vnl", "-Q", "in", "-i", "port1", "src host 192.0.2.1 and not arp"];
  const command = ["netns", "exec", lab.name("hub"), "tcpdump", ...options];
  const tcpdump = spawn("ip", command, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let errors = "";
  tcpdump.stdout.on("data", (part) => {
    text += part;
  });
  tcpdump.stderr.on("data", (part) => {
    errors += part;
  });
  const ended = once(tcpdump, "exit");
  try {
    await eventually(() => errors.includes("listening on"));
    await action();
    await eventually(() => text.split(" > ").length > packets);
  } finally {
    tcpdump.kill();
    await ended;
  }
  return text;
}

/** The plain engine cannot bind a raw socket, and over IPv6 no packet says whom it was for. */
function canServe({ encap, family, engine }: TunnelOptions): boolean {
  return engine !== "plain" || encap === "vxlan" || family === 4;
}

/** Of a thread of this process: field 19 of proc(5)'s stat, whose third comes behind the name. */
function niceOf(thread: string): number {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, "utf8");
  return Number(stat.split(") ")[1]?.split(" ")[16]);
}

const ENCAPS: readonly Encap[] = ["vxlan", "ipip"];
const FAMILIES: readonly Family[] = [4, 6];
const ENGINES: readonly Engine[] = ["offload", "batch", "plain"];

const COMBINATIONS = ENCAPS.flatMap((encap) =>
  FAMILIES.flatMap((family) =>
    ENGINES.map((engine) => {
      const title = `${encap} over IPv${family}, engine ${engine}`;
      return [title, { encap, family, engine }] as const;
    }),
  ),
).filter(([, options]) => canServe(options));

describe.each(COMBINATIONS)("%s", (_, options) => {
  const { encap, family, engine } = options;
  const mtu = mtuOf(encap, family);
  let lab: ForwarderLab;
  let forwarders: Forwarder[];

  beforeAll(async () => {
    lab = await ForwarderLab.open();
    forwarders = [await lab.forward(1, options), await lab.forward(2, options)];
  });
  afterAll(() => lab?.close());

  test("reports the engine", () => {
    const [report] = forwarders[0]?.endpoints ?? [];
    expect(report).toMatchObject({ encap, family, engine });
    expect(report?.reason === undefined).toBe(engine === "offload");
  });

  if (engine !== "plain") {
    test("goes before programs, and the control plane does not", () => {
      const threads = readdirSync("/proc/self/task").map(niceOf);
      expect(threads.filter((nice) => nice === -10)).toHaveLength(forwarders.length);
      expect(niceOf(String(process.pid))).toBe(0);
    });
  }

  test.each(FAMILIES)("carries pings of IPv%i, small and as large as fits", async (innerFamily) => {
    await expectAnswers(lab, innerFamily, 84);
    await expectAnswers(lab, innerFamily, mtu);
    await expectAnswers(lab, innerFamily, 4000, { fragment: true });
  });

  test.each(FAMILIES)("carries TCP of IPv%i both ways, byte for byte", async (innerFamily) => {
    await stream(lab, innerFamily);
  });

  test("counts what it carries, each way", async () => {
    const before = await quietTotals(forwarders);
    const { sent: packets } = await ping(lab, 4, 84, { count: 10 });
    await eventually(() => {
      const grown = totals(forwarders).map((total, at) => total - (before[at] ?? 0));
      const bytes = packets * 84;
      expect(grown).toEqual([packets, bytes, packets, bytes, packets, bytes, packets, bytes]);
    });
  });
});

function totals(forwarders: readonly Forwarder[]): number[] {
  return forwarders.flatMap((forwarder) => {
    const { sent, received } = forwarder.counters();
    return [sent.packets, sent.bytes, received.packets, received.bytes];
  });
}

/** The same when nothing has been counted for a while: a process of its own tells now and then. */
async function quietTotals(forwarders: readonly Forwarder[]): Promise<number[]> {
  for (;;) {
    const before = totals(forwarders);
    await setTimeout(300);
    const after = totals(forwarders);
    if (after.every((total, at) => total === before[at])) return after;
  }
}

describe.each(FAMILIES)("a kernel vxlan device over IPv%i", (family) => {
  const options: TunnelOptions = { encap: "vxlan", family };
  const mtu = mtuOf("vxlan", family);
  let lab: ForwarderLab;
  let forwarder: Forwarder;

  beforeAll(async () => {
    lab = await ForwarderLab.open();
    forwarder = await lab.forward(1, options);
    await lab.forwardInKernel(2, options);
  });
  afterAll(() => lab?.close());

  test.each(FAMILIES)("exchanges pings of IPv%i with us", async (innerFamily) => {
    await expectAnswers(lab, innerFamily, 84);
    await expectAnswers(lab, innerFamily, mtu);
    await expectAnswers(lab, innerFamily, 4000, { fragment: true });
  });

  test.each(FAMILIES)("exchanges TCP of IPv%i with us, byte for byte", async (innerFamily) => {
    await stream(lab, innerFamily);
  });

  test("sends nothing that we refuse", () => {
    const drops = [...forwarder.counters().drops.keys()];
    // What the kernel itself sends to its link: router solicitations and the like.
    expect(drops.filter((reason) => reason !== DropReason.NoRemote)).toEqual([]);
  });
});

describe.each([
  ["large packets", 9000, false],
  ["large packets, DF", 9000, true],
  ["small packets", 1400, false],
  ["small packets, DF", 1400, true],
])("a kernel vxlan device and us, %s", (_, linkMtu, dontFragment) => {
  const options: TunnelOptions = { encap: "vxlan", family: 4, linkMtu, policy: { dontFragment } };
  const mtu = mtuOf("vxlan", 4, linkMtu);
  let lab: ForwarderLab;

  beforeAll(async () => {
    lab = await ForwarderLab.open();
    await lab.setLinkMtu(linkMtu);
    await lab.forward(1, options);
    await lab.forwardInKernel(2, options);
  });
  afterAll(() => lab?.close());

  test("exchange pings up to what fits, and beyond it in pieces, but none that may not be cut", async () => {
    await expectAnswers(lab, 4, mtu);
    await expectAnswers(lab, 6, mtu);
    await expectAnswers(lab, 4, mtu + 1, { fragment: true });
    const { answered, text } = await ping(lab, 4, mtu + 1, { count: 1, flags: "-w 1" });
    expect(answered).toBe(false);
    expect(text).toMatch(/too long|mtu ?= ?\d+/i);
  });

  test("exchange a hundred megabytes each way, byte for byte", async () => {
    await stream(lab, 4, HUNDRED_MEGABYTES);
  });
});

describe("the outer header", () => {
  let lab: ForwarderLab;
  let forwarder: Forwarder;

  beforeAll(async () => {
    lab = await ForwarderLab.open();
    forwarder = await lab.forward(1, { encap: "vxlan", family: 4 });
    await lab.forward(2, { encap: "vxlan", family: 4 });
  });
  afterAll(() => lab?.close());

  const outerOf = (options: TunnelOptions, flags: string): Promise<string> =>
    seenOnUnderlay(lab, async () => {
      await forwarder.replace(lab.plan(1, options));
      await expectAnswers(lab, 4, 84, { count: 1, flags });
    });

  test("of VXLAN is as a vxlan device makes it", async () => {
    const text = await outerOf({ encap: "vxlan", family: 4 }, "");
    expect(text).toMatch(/tos 0x0, ttl 64, .* flags \[none\], proto UDP \(17\), length 134/);
  });

  test("takes DSCP, TTL and DF as the policy says, ECN from the inner packet", async () => {
    const policy = { dscp: 46, ttl: 9, dontFragment: true };
    const text = await outerOf({ encap: "vxlan", family: 4, policy }, "-Q 0x02");
    expect(text).toMatch(/tos 0xba,ECT\(0\), ttl 9, .* flags \[DF\], proto UDP/);
  });

  test("inherits what the policy says", async () => {
    const policy = { dscp: "inherit", ttl: "inherit", dontFragment: "inherit" } as const;
    const text = await outerOf({ encap: "vxlan", family: 4, policy }, "-Q 0x49 -t 33");
    expect(text).toMatch(/tos 0x49,ECT\(1\), ttl 33, .* flags \[DF\], proto UDP/);
  });

  test("of IP-in-IP is as an ipip device makes it", async () => {
    const text = await outerOf({ encap: "ipip", family: 4 }, "-Q 0x02 -t 33");
    expect(text).toMatch(/tos 0x2,ECT\(0\), ttl 33, .* flags \[DF\], proto IPIP \(4\), length 104/);
  });

  test("has source ports that differ from flow to flow", async () => {
    await forwarder.replace(lab.plan(1, { encap: "vxlan", family: 4 }));
    // One at a time: packets of one size that wait together cross this link as one.
    const each = `echo x > /dev/udp/${inner(2, 4)}/$port; sleep 0.01`;
    const sendAll = () => lab.exec(1, `for port in {5001..5032}; do ${each}; done`);
    const text = await seenOnUnderlay(lab, sendAll, 32);
    const ports = [...text.matchAll(/192\.0\.2\.1\.(\d+) > 192\.0\.2\.2\.4789/g)];
    const distinct = new Set(ports.map(([, port]) => port));
    expect(distinct.size).toBeGreaterThan(4);
    expect(distinct).not.toContain("4789");
  });
});

describe("a path that is narrower than the link", () => {
  const NARROW = 1300;
  let lab: ForwarderLab;

  beforeEach(async () => {
    lab = await ForwarderLab.open();
    await lab.narrow(NARROW);
  });
  afterEach(() => lab?.close());

  // Node asks nobody how narrow its own link is, which node 2 would have to know, and hears no ICMPv6.
  const TELLING = COMBINATIONS.filter(
    ([, { engine, encap, family }]) => engine !== "plain" || (encap === "vxlan" && family === 4),
  );

  test.each(TELLING)("is told to the inner sender: %s", async (_, { encap, family, engine }) => {
    const options = { encap, family, engine, policy: { dontFragment: true } };
    await lab.forward(1, options);
    await lab.forward(2, options);
    const narrow = tunnelMtu(NARROW as UnderlayMtu, encap, family);
    const { text } = await ping(lab, 4, mtuOf(encap, family), { count: 1 });
    expect(text).toMatch(new RegExp(`mtu ?= ?${narrow}`));
    await expectAnswers(lab, 4, narrow);
    await expectAnswers(lab, 4, 4000, { fragment: true });
    await stream(lab, 4, MEGABYTES / 8);
    await stream(lab, 6, MEGABYTES / 8);
  });
});

const CHANGING = [
  ["vxlan", "offload"],
  ["ipip", "offload"],
  ["vxlan", "plain"],
] as const;

describe.each(CHANGING)("what changes under load, with %s, engine %s", (encap, engine) => {
  const options: TunnelOptions = { encap, family: 4, engine };
  const FAR = "10.250.0.1";
  let lab: ForwarderLab;
  let forwarders: Forwarder[];

  beforeAll(async () => {
    lab = await ForwarderLab.open(3);
    forwarders = [];
    for (const node of [1, 2, 3]) forwarders.push(await lab.forward(node, options));
    // Node 3 has an address that is now at one node, now at the other.
    for (const node of [2, 3]) await lab.ip(node, `address add ${FAR}/32 dev ${DEVICE}`);
    await lab.ip(1, `route add ${FAR}/32 dev ${DEVICE}`);
  });
  afterAll(() => lab?.close());

  test("a table that is replaced all the time loses and misdirects nothing", async () => {
    const [one, , three] = forwarders as [Forwarder, Forwarder, Forwarder];
    // The same places under other numbers: a table read with the other list of remotes misdirects.
    const plans = [lab.plan(1, options, [2, 3]), lab.plan(1, options, [3, 2])];
    const before = await quietTotals([three]);
    let isDone = false;
    let replaced = 0;
    const replaceAll = async (): Promise<void> => {
      while (!isDone) await one.replace(plans[replaced++ % 2] as ForwardingPlan);
    };
    const replacing = replaceAll();
    await stream(lab, 4);
    const { sent, text } = await ping(lab, 4, 84, { count: 200, flags: "-i 0.005" });
    isDone = true;
    await replacing;
    expect(text).toContain(`${sent} packets transmitted, ${sent} received`);
    expect(replaced).toBeGreaterThan(100);
    expect(await quietTotals([three])).toEqual(before);
    expect(one.restarts.count).toBe(0);
  });

  test("a worker that dies is started again, and what it died of is kept", async () => {
    const [one] = forwarders as [Forwarder];
    const plan = lab.plan(1, options);
    const damaged = { ...plan, prefixes: { ...plan.prefixes, buffer: new SharedArrayBuffer(4) } };
    void one.replace(damaged as unknown as ForwardingPlan);
    await eventually(() => one.restarts.count > 0);
    expect(one.restarts.lastReason).toMatch(/typed array|RangeError|length/i);
    const before = one.counters();
    await one.replace(plan);
    await expectAnswers(lab, 4, 84);
    await stream(lab, 4, MEGABYTES / 8);
    await eventually(() => one.counters().sent.packets > before.sent.packets);
  });

  test("a device that is deleted is made again", async () => {
    const [one] = forwarders as [Forwarder];
    const { count } = one.restarts;
    await lab.ip(1, `link del ${DEVICE}`);
    await eventually(() => one.restarts.count > count);
    await eventually(() => lab.ip(1, `link show ${DEVICE}`));
    await lab.setUp(1, options);
    await expectAnswers(lab, 4, 84);
  });

  test("what comes from elsewhere is refused", async () => {
    const [one, two] = forwarders as [Forwarder, Forwarder];
    const [endpoint, ...others] = lab.plan(2, options).endpoints;
    const onlyThree = buildRemoteTable([{ cidr: hostCidr(underlay(3, 4)), remote: 0 }]);
    const known = { ...(endpoint as TunnelEndpoint), peers: onlyThree };
    await two.replace({ ...lab.plan(2, options), endpoints: [known, ...others] });
    expect((await ping(lab, 4, 84, { count: 1, flags: "-w 1" })).answered).toBe(false);
    await eventually(() => (two.counters().drops.get(DropReason.UnknownPeer) ?? 0) > 0);
    await two.replace(lab.plan(2, options));
    await expectAnswers(lab, 4, 84);
    expect(one.endpoints[0]?.engine).toBe(engine);
  });
});

describe("packets that the kernel merges before a raw socket sees them", () => {
  let lab: ForwarderLab;

  beforeEach(async () => {
    lab = await ForwarderLab.open();
    await lab.holdPacketsOff();
  });
  afterEach(() => lab?.close());

  test("go on as one, and are cut up by the kernel", async () => {
    const options: TunnelOptions = { encap: "ipip", family: 4 };
    await lab.forward(1, options);
    const two = await lab.forward(2, options);
    await stream(lab, 4);
    const { received } = two.counters();
    // Counted as they came: had none been merged, this would be no test.
    expect(received.bytes / received.packets).toBeGreaterThan(mtuOf("ipip", 4));
  });

  test("are cut up by us for a device without offloads", async () => {
    const options: TunnelOptions = { encap: "ipip", family: 4, engine: "batch" };
    await lab.forward(1, options);
    await lab.forward(2, options);
    await stream(lab, 4);
  });
});
