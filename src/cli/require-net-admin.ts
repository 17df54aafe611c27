/** Commands that need the kernel's consent say in one line that they lack it, before they try. */
import { readFileSync } from "node:fs";
import { CausewayError } from "../errors.ts";

const CAP_NET_ADMIN = 12;

/**
 * @param why what the command needs it for: "changes routes"
 * @throws CausewayError "not-permitted" without CAP_NET_ADMIN
 */
export function requireNetAdmin(command: string, why: string): void {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (effective !== undefined && (BigInt(`0x${effective}`) >> BigInt(CAP_NET_ADMIN)) & 1n) return;
  throw new CausewayError("not-permitted", `${command} ${why} and needs root (CAP_NET_ADMIN)`, {
    hint: "use sudo",
  });
}
