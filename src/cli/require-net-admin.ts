/** Commands that touch the kernel say in one line that they cannot, before they try. */
import { readFileSync } from "node:fs";
import { CausewayError } from "../errors.ts";

const CAP_NET_ADMIN = 12;

/** @throws CausewayError "not-permitted" without CAP_NET_ADMIN. */
export function requireNetAdmin(command: string): void {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (effective !== undefined && (BigInt(`0x${effective}`) >> BigInt(CAP_NET_ADMIN)) & 1n) return;
  throw new CausewayError(
    "not-permitted",
    `${command} changes network devices and routes and needs root (CAP_NET_ADMIN); use sudo`,
  );
}
