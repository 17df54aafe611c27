/** A process that reads a datastore's first list, and prints how long it took as JSON. */
import { loadConfig } from "../../src/config/load-config.ts";
import { openDatastore } from "../../src/datastore/open.ts";

export interface FirstList {
  /** Milliseconds to load what etcd needs and open the datastore; not counted in the next. */
  readonly open: number;
  /** Milliseconds from the first call to the first batch that is in sync. */
  readonly list: number;
  readonly resources: number;
  /** Bytes. */
  readonly peakMemory: number;
}

const [, , url = ""] = process.argv;
const flags = { datastore: url };
const { config } = loadConfig({ flags, env: {}, configFile: undefined }, ["datastore"]);
const begin = performance.now();
const datastore = await openDatastore(config);
const start = performance.now();
for await (const batch of datastore.watch(new AbortController().signal)) {
  if (!batch.inSync) continue;
  const list = performance.now() - start;
  const peakMemory = process.resourceUsage().maxRSS * 1024;
  const result: FirstList = {
    open: start - begin,
    list,
    resources: batch.changes.length,
    peakMemory,
  };
  process.stdout.write(JSON.stringify(result));
  break;
}
process.exit();
