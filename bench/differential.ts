/**
 * Does the userspace encapsulator do what the kernel's tunnel devices do, byte by byte?
 *
 * 20,000 random packets, right and wrong, for each tunnel and direction: through this machine's vxlan
 * device, and in a User Mode Linux guest through its ipip, sit and ip6tnl devices; the same into our
 * engine. test/support/differential says how, and which differences are meant.
 */
import { release } from "node:os";
import { fileURLToPath } from "node:url";
import { type DifferentialResult, runDifferential } from "../test/support/differential/run.ts";
import { IPIP_TUNNELS, VXLAN_TUNNELS } from "../test/support/differential/tunnels.ts";
import { runInUml, umlObstacle } from "../test/support/uml.ts";
import { runBenchmark } from "./lab/options.ts";
import { progress } from "./lab/progress.ts";
import { Report } from "./report/report.ts";

const PACKETS = 20_000;
const QUICK_PACKETS = 500;
const SEED = 20_261_129;
/** A guest is slow at everything but calculating. */
const GUEST_TIMEOUT_MS = 30 * 60_000;

/** What the guest writes: its kernel's release, then a result a line. */
const GUEST_FILE = "differential.ndjson";

function add(report: Report, kernel: string, result: DifferentialResult): void {
  const { tunnel, direction, packets, alike, passed, allowed, refused } = result;
  const group = `${tunnel} of Linux ${kernel}, ${direction}, seed ${result.seed}`;
  report.add(group, "packets", "packets", packets);
  report.add(group, "alike", "packets", alike);
  report.add(group, "passed on by both", "packets", passed);
  report.add(group, "time", "s", result.seconds);
  for (const [name, count] of Object.entries(allowed)) {
    report.add(group, `differ as meant: ${name}`, "packets", count);
  }
  for (const [name, count] of Object.entries(refused)) {
    report.add(group, `refused by us: ${name}`, "packets", count);
  }
  for (const text of result.unexplained) console.log(`${group}: ${text}`);
}

async function inGuest(
  packets: number,
): Promise<{ kernel: string; results: DifferentialResult[] }> {
  const obstacle = umlObstacle();
  if (obstacle !== undefined) throw new Error(`no guest for the IP-in-IP devices: ${obstacle}`);
  const script = fileURLToPath(new URL("differential-guest.js", import.meta.url));
  const args = [String(packets), String(SEED)];
  const run = await runInUml({ script, args, timeoutMs: GUEST_TIMEOUT_MS });
  const [kernel = "", ...lines] = run.file(GUEST_FILE)?.trimEnd().split("\n") ?? [];
  const results = lines.map((line) => JSON.parse(line) as DifferentialResult);
  if (results.length < IPIP_TUNNELS.length * 3) {
    throw new Error(`the guest did not get through it:\n${run.output}\n${run.console}`);
  }
  return { kernel, results };
}

await runBenchmark(async ({ quick }) => {
  const report = new Report("differential", quick);
  const packets = quick ? QUICK_PACKETS : PACKETS;
  const results: DifferentialResult[] = [];
  for (const tunnel of VXLAN_TUNNELS) {
    progress(tunnel.name);
    for (const result of await runDifferential(tunnel, packets, SEED)) {
      add(report, release(), result);
      results.push(result);
    }
  }
  progress("ipip, sit and ip6tnl in User Mode Linux");
  const guest = await inGuest(packets);
  for (const result of guest.results) {
    add(report, guest.kernel, result);
    results.push(result);
  }
  progress("");
  const unexplained = results.map(({ packets, alike, unexplained }) =>
    Math.max(packets - alike, unexplained.length),
  );
  report.require({
    id: "differential",
    says: "differences that are not in the table",
    measured: unexplained.reduce((sum, count) => sum + count, 0),
    limit: 0,
    unit: "packets",
  });
  report.finish();
});
