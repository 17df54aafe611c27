/** The guest's half of differential.ts: the tunnels that only a guest's kernel has. */
import { appendFileSync } from "node:fs";
import { release } from "node:os";
import { runDifferential } from "../test/support/differential/run.ts";
import { IPIP_TUNNELS } from "../test/support/differential/tunnels.ts";

const [packets, seed] = process.argv.slice(2).map(Number) as [number, number];
const file = "/run/results/differential.ndjson";
appendFileSync(file, `${release()}\n`);
for (const tunnel of IPIP_TUNNELS) {
  for (const result of await runDifferential(tunnel, packets, seed)) {
    appendFileSync(file, `${JSON.stringify(result)}\n`);
  }
}
process.exit();
