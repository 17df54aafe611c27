/** Sysctls are files below /proc/sys; those below net/ are the ones of the calling thread's namespace. */
import { readFileSync, writeFileSync } from "node:fs";
import { CausewayError, errnoOf } from "../errors.ts";

/**
 * Path of a dotted name. As in sysctl(8), a dot inside a device name is written as a slash:
 * "net.ipv4.conf.vxlan/causeway.rp_filter" is /proc/sys/net/ipv4/conf/vxlan.causeway/rp_filter.
 * @throws CausewayError for a name that would lead elsewhere.
 */
export function sysctlPath(name: string): string {
  const segments = name.split(".").map((segment) => segment.replaceAll("/", "."));
  const isPlain = (segment: string): boolean =>
    /^[^\s/]+$/.test(segment) && segment !== "." && segment !== "..";
  if (!segments.every(isPlain)) throw new CausewayError("internal", `"${name}" is no sysctl`);
  return `/proc/sys/${segments.join("/")}`;
}

/** The value without its line feed; undefined if there is no such sysctl. */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(sysctlPath(name), "utf8").trim();
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** @throws a Node system error; ENOENT if there is no such sysctl. */
export function writeSysctl(name: string, value: string): void {
  writeFileSync(sysctlPath(name), value, { flag: "r+" });
}
