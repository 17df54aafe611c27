/**
 * One node's data path as a process of its own: forwarder-process ENCAP ENGINE NODE [CHANGES]
 *
 * With CHANGES its plan changes so many times a second. Each line on standard output but the first,
 * "ready", is a `Told`; with `node --expose-gc`, SIGUSR2 has it collect garbage and print one.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../../src/userspace/data-path.ts";
import { Forwarder } from "../../src/userspace/forwarder.ts";
import { TUN } from "./contenders.ts";
import { NodePlans } from "./forwarding-plan.ts";

/** As the other programs of a lab have it, this one runs until it is killed. */
const FOR_EVER = 1_000_000;
const TELL = 250;
const OVERLAPPING = 20;

export interface Told {
  /** How often the plan has changed. */
  readonly changes: number;
  /** How often a worker was started again. */
  readonly restarts: number;
  /** Collections that were asked for. */
  readonly collections: number;
  /** Bytes in use after the last of them: resident, less what V8 holds free in the main thread's heap. */
  readonly inUse: number;
}

function memoryInUse(): number {
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return rss - heapTotal + heapUsed;
}

let changed = 0;
let collections = 0;
let inUse = Number.NaN;

function tell(forwarder: Forwarder): void {
  const restarts = forwarder.restarts.count;
  const told: Told = { changes: changed, restarts, collections, inUse };
  console.log(JSON.stringify(told));
}

async function change(forwarder: Forwarder, plans: NodePlans, perSecond: number): Promise<void> {
  const start = performance.now();
  for (let changes = 1; ; changes++) {
    const replaced = forwarder.replace(plans.plan(changes));
    // The last one counts, so that they need not wait for each other; but none is left behind.
    if (changes % OVERLAPPING === 0) await replaced;
    changed = changes;
    if (changes % TELL === 0) tell(forwarder);
    const ahead = start + (changes * 1000) / perSecond - performance.now();
    if (ahead > 1) await sleep(ahead);
  }
}

const [encap, engine, node, changes = "0"] = process.argv.slice(2) as [
  "vxlan" | "ipip",
  Engine,
  string,
  string?,
];
const plans = new NodePlans(encap, Number(node));
const forwarder = new Forwarder({ device: TUN, engine });
await forwarder.start();
await forwarder.replace(plans.plan(0));
const [report] = forwarder.endpoints;
if (report?.engine !== engine) throw new Error(`engine ${report?.engine}: ${report?.reason}`);
process.on("SIGUSR2", () => {
  globalThis.gc?.();
  collections++;
  inUse = memoryInUse();
  tell(forwarder);
});
console.log("ready");
// The worker alone does not keep the process.
setInterval(() => {}, FOR_EVER);
if (Number(changes) > 0) await change(forwarder, plans, Number(changes));
