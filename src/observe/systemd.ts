/** sd_notify(3): tells systemd how we are, where it started us. */

import { reasonOf } from "../errors.ts";
import { sendDatagram } from "../native/linux.ts";
import type { Logger } from "./log.ts";

/** `state`: "READY=1" or "STOPPING=1". Does nothing without NOTIFY_SOCKET. */
export function notifySystemd(state: string, log: Logger): void {
  const path = process.env["NOTIFY_SOCKET"];
  if (!path) return;
  try {
    sendDatagram(path, state);
  } catch (error) {
    log.warn({ reason: reasonOf(error) }, "cannot tell systemd");
  }
}
