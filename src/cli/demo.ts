/** `causeway demo`: a cluster of network namespaces on this machine, with real agents. */
import { release } from "node:os";
import { basename, relative } from "node:path";
import { Command, Option } from "commander";
import { type Carriers, chooseCarrier } from "../../tunnels/desired/carrier.ts";
import type { Dataplane } from "../../tunnels/model/dataplane.ts";
import type { DemoReport } from "../demo/demo-report.ts";
import { runDemo } from "../demo/demo-run.ts";
import { drawTopology } from "../demo/demo-text.ts";
import { type KernelAbilities, kernelAbilities } from "../demo/kernel-abilities.ts";
import { namespacesWithPrefix } from "../demo/namespace-removal.ts";
import { removeKeptSite, Site, type SiteOptions, sweepSites } from "../demo/site.ts";
import { demoPools, demoTopology, type Topology } from "../demo/topology.ts";
import { CausewayError } from "../errors.ts";
import { userspaceObstacles } from "../userspace/obstacles.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { print, printJson, showProgress } from "./output.ts";
import { requireNetAdmin } from "./require-net-admin.ts";
import { plural } from "./text.ts";

const PREFIX = "cwdemo-";
const HELP = `
Two subnets joined by a router, two nodes in each, two pods on each node, all as network
namespaces; four agents that read one datastore, by default of files. Every pod is probed from
every other, then a route is deleted and an agent killed while packets flow. Needs root; changes
nothing outside its own namespaces, and removes them.

Examples:    causeway demo
             causeway demo --keep
             causeway demo --dataplane userspace
             causeway demo --datastore etcd
${exitCodesText("0 every check passed; 1 one failed")}`;

interface DemoOptions {
  readonly keep?: boolean;
  readonly clean?: boolean;
  readonly json?: boolean;
  readonly dataplane: Dataplane;
  readonly datastore: "file" | "etcd";
}

/** @param exit ends the process, and so the demo, on a signal */
export function demoCommand(exit: (code: number) => never): Command {
  return new Command("demo")
    .description("show the overlay at work between network namespaces of this machine")
    .option("--keep", "leave everything up at the end, and say what to try")
    .option("--clean", "remove what --keep left")
    .option("--json", "print everything found as JSON")
    .addOption(
      new Option("--dataplane <who>", "who carries the tunnels: kernel, userspace or auto")
        .choices(["kernel", "userspace", "auto"])
        .default("kernel"),
    )
    .addOption(
      new Option("--datastore <kind>", "file, or etcd: a real etcd server, started in the router")
        .choices(["file", "etcd"])
        .default("file"),
    )
    .addHelpText("after", HELP)
    .action(async (options: DemoOptions) => {
      requireNetAdmin("demo", "makes network namespaces");
      const swept = sweepSites(PREFIX);
      if (options.clean === true) clean(swept.length);
      else {
        endOnSignals(exit);
        await demo(options);
      }
    });
}

/** @param swept how many namespaces of killed runs are gone already. */
function clean(swept: number): void {
  const removed = swept + removeKeptSite(PREFIX).length;
  const what = `removed ${plural(removed, "network namespace")} and what was in them`;
  print(`${removed === 0 ? "nothing is left of any demo" : what}\n`);
}

async function demo(options: DemoOptions): Promise<void> {
  const { keep = false, json = false, dataplane, datastore } = options;
  if (keep && namespacesWithPrefix(`${PREFIX}router`).length > 0) {
    const hint = `remove it:  ${self("--clean")}`;
    throw new CausewayError("agent", "a demo is up already", { hint });
  }
  const prefix = keep ? PREFIX : `${PREFIX}${process.pid}-`;
  const output = {
    progress: showProgress,
    print: (text: string): void => {
      showProgress("");
      if (!json) print(text);
    },
  };
  showProgress("trying the kernel");
  const abilities = await kernelAbilities(prefix);
  const carriers = carriersOf(dataplane, abilities);
  const { vxlan, ipip } = carriers;
  if (vxlan.by === "nobody") throw new CausewayError("kernel", vxlan.reason, { hint: vxlan.hint });
  const able = { ipip: ipip.by !== "nobody", ipv6: abilities.ipv6 };
  const topology = demoTopology({ pools: demoPools(able) });
  showProgress("building the network");
  const agentFlags = ["--dataplane", dataplane];
  const site = await Site.build({ topology, prefix, agentFlags, ...storeOf(datastore, topology) });
  if (!keep) process.once("exit", abilities.restore);
  let isKept = false;
  try {
    output.print(
      `${heading(topology)}\n${drawTopology(topology)}${notes(carriers, abilities, site)}\n`,
    );
    const report = await runDemo(site, abilities, output);
    if (json) printJson(report);
    if (!report.ok) process.exitCode = EXIT.no;
    isKept = keep;
    const device = vxlan.by === "userspace" ? "tun.causeway" : "vxlan.causeway";
    const next = keep ? whatToTry(site, device) : `Look around:  ${self("--keep")}\n`;
    output.print(`\n${verdict(report)}\n${next}`);
  } finally {
    if (isKept) site.keep();
    else await site.remove();
    showProgress("");
  }
}

/** Other stores than files are loaded when they are wanted. */
function storeOf(
  datastore: DemoOptions["datastore"],
  topology: Topology,
): Partial<Pick<SiteOptions, "openStore">> {
  if (datastore === "file") return {};
  return {
    openStore: async (namespaces, files) => {
      const { openEtcdStore } = await import("../demo/etcd-store.ts");
      return openEtcdStore(topology, namespaces, files);
    },
  };
}

function verdict({ ok, checks }: DemoReport): string {
  if (ok) return "All of it was real: namespaces, routes, tunnels.";
  const failed = checks.filter((check) => !check.ok).length;
  return `✗ ${failed} of ${plural(checks.length, "check")} failed.`;
}

/** Everything is removed when the process exits, so a signal has only to make it exit. */
function endOnSignals(exit: (code: number) => never): void {
  const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
  for (const [signal, code] of Object.entries(signals)) {
    process.once(signal, () => exit(code));
  }
}

function heading({ nodes, subnets }: Topology): string {
  const pods = nodes.reduce((sum, node) => sum + node.pods.length, 0);
  const kernel = release().split(/[.-]/).slice(0, 2).join(".");
  return (
    `Causeway demo: ${plural(nodes.length, "node")} in ${plural(subnets.length, "subnet")}, ` +
    `${plural(pods, "pod")}, on this machine's kernel (${kernel}). Ctrl-C cleans up.\n`
  );
}

function carriersOf(dataplane: Dataplane, { vxlan, ipip }: KernelAbilities): Carriers {
  const obstacles = userspaceObstacles();
  const refusal = (isAble: boolean): string => (isAble ? "" : "it has no such module");
  return {
    vxlan: chooseCarrier("vxlan", dataplane, {
      kernel: refusal(vxlan),
      userspace: obstacles.vxlan,
    }),
    ipip: chooseCarrier("ipip", dataplane, { kernel: refusal(ipip), userspace: obstacles.ipip }),
  };
}

/** Who carries what, and what nobody does. */
function notes({ vxlan, ipip }: Carriers, { ipv6 }: KernelAbilities, { store }: Site): string {
  const inUserspace = [
    ...(vxlan.by === "userspace" ? ["VXLAN"] : []),
    ...(ipip.by === "userspace" ? ["IP-in-IP"] : []),
  ];
  const lines = [
    ...(store.url.startsWith("etcd:")
      ? [`datastore ${store.url}, a real etcd server in the router`]
      : []),
    ...(inUserspace.length > 0
      ? [`${inUserspace.join(" and ")} in userspace, over tun.causeway on each node`]
      : []),
    ...(ipip.by === "nobody" ? [`pool "ipip" left out: ${ipip.reason}`] : []),
    ...(ipip.by === "nobody" && ipip.hint.includes("auto")
      ? ["  (causeway demo --dataplane userspace carries it without)"]
      : []),
    ...(ipv6 ? [] : ["IPv6 pools left out: this kernel has no IPv6"]),
  ];
  return lines.map((text) => `  ${text}\n`).join("");
}

function whatToTry(site: Site, device: string): string {
  const { topology, namespaces, datastore, store } = site;
  const [first, last] = [topology.nodes[0], topology.nodes.at(-1)];
  const target = last?.pods[0]?.addresses.get(last.blocks[0]?.pool.name ?? "") ?? "";
  const node = namespaces.of(first?.name ?? "");
  const pod = namespaces.of(first?.pods[0]?.name ?? "");
  const runDir = site.agent(first?.name ?? "").options.runDir;
  return [
    "It is left running. Try:",
    `  ip netns exec ${pod} ping ${target}`,
    `  ip -n ${node} route; ip -n ${node} nexthop; ip -n ${node} neighbour`,
    device === "tun.causeway"
      ? `  ${program()} show routes --run-dir ${runDir}`
      : `  bridge -n ${node} fdb show dev ${device}`,
    `  ${program()} status --run-dir ${runDir}`,
    `  ip -n ${node} link delete ${device}     # and look at the status again`,
    store.url.startsWith("etcd:")
      ? `  ETCDCTL_API=3 ip netns exec ${namespaces.router} etcdctl get --prefix --keys-only /calico`
      : `  sed -i s/Always/CrossSubnet/ ${datastore}/ippool.yaml     # the agents follow`,
    `Remove it:  ${self("--clean")}`,
    "",
  ].join("\n");
}

/** How this program was called. */
function program(): string {
  const script = process.argv[1] ?? "";
  return basename(script) === "main.js" ? `node ${relative(process.cwd(), script)}` : "causeway";
}

/** The demo with a flag, as it was called. */
function self(flag: string): string {
  const isNpm = process.env["npm_lifecycle_event"] === "demo";
  return isNpm ? `npm run demo -- ${flag}` : `${program()} demo ${flag}`;
}
