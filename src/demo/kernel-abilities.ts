/** What this machine's kernel can carry, found out by trying, in a namespace that is thrown away. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { ip } from "./ip-command.ts";
import { removeNamespaces } from "./namespace-removal.ts";
import { hasIpv6 } from "./namespaces.ts";

export interface KernelAbilities {
  readonly vxlan: boolean;
  readonly ipip: boolean;
  readonly ipv6: boolean;
  /** Unloads the ipip module again if the trial loaded it: it makes a `tunl0` everywhere. */
  restore(): void;
}

const DEVICES = {
  vxlan: ["type", "vxlan", "id", "1", "dstport", "4789"],
  ipip: ["type", "ipip", "local", "192.0.2.1"],
} as const;

export async function kernelAbilities(prefix: string): Promise<KernelAbilities> {
  const hadIpip = existsSync("/sys/module/ipip");
  const namespace = `${prefix}trial`;
  try {
    await ip("netns", "add", namespace);
    const [vxlan, ipip] = await Promise.all([
      canAdd(namespace, DEVICES.vxlan),
      canAdd(namespace, DEVICES.ipip),
    ]);
    const restore = (): void => {
      const isNew = !hadIpip && existsSync("/sys/module/ipip");
      if (isNew) spawnSync("modprobe", ["--remove", "ipip"], { stdio: "ignore" });
    };
    return { vxlan, ipip, ipv6: hasIpv6(), restore };
  } finally {
    removeNamespaces([namespace]);
  }
}

async function canAdd(namespace: string, type: readonly string[]): Promise<boolean> {
  try {
    await ip("-n", namespace, "link", "add", "name", `try-${type[1]}`, ...type);
    return true;
  } catch {
    return false;
  }
}
