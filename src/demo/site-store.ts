/** Where the agents of a site read what their cluster is. */
import { join } from "node:path";
import type { Namespaces } from "./namespaces.ts";
import { type Resource, writeResources } from "./topology-resources.ts";

export interface SiteStore {
  /** For `--datastore`. */
  readonly url: string;
  write(resources: readonly Resource[]): Promise<void>;
  /** Ends what it has started. */
  close(): Promise<void>;
  /** Lets what it has started go on when this process ends. */
  leave(): void;
}

/** A directory of YAML files. */
export async function openFileStore(_: Namespaces, files: string): Promise<SiteStore> {
  const directory = join(files, "cluster");
  return {
    url: `file:${directory}`,
    write: async (resources) => writeResources(directory, resources),
    close: async () => undefined,
    leave: () => undefined,
  };
}
