import { describe, expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { parseMac } from "../../../encap/address/mac-address.ts";
import { EchoLedger, fdbEcho, ipEcho } from "../../../src/netlink/echo-ledger.ts";
import { RTM_DELNEIGH, RTM_NEWNEIGH } from "../../../src/netlink/message.ts";
import type { NetlinkOp } from "../../../src/netlink/op-encoder.ts";
import { fixtureDevices } from "../../support/netlink-bytes.ts";

const mac = parseMac("66:00:00:00:00:02");
const destination = parseIp("10.0.0.2");
const REPLACE = {
  kind: "fdb",
  verb: "replace",
  object: { device: "vx0", mac, destination },
  reason: "missing",
} as NetlinkOp;

function activeLedger(): EchoLedger {
  const ledger = new EchoLedger();
  ledger.isActive = true;
  return ledger;
}

describe("EchoLedger", () => {
  const devices = fixtureDevices();

  test("takes the echo of a change once", () => {
    const ledger = activeLedger();
    ledger.expect(REPLACE, devices);
    expect(ledger.takes(fdbEcho(RTM_NEWNEIGH, 4, mac, destination))).toBe(true);
    expect(ledger.takes(fdbEcho(RTM_NEWNEIGH, 4, mac, destination))).toBe(false);
  });

  test("does not take what differs in device, destination or kind", () => {
    const ledger = activeLedger();
    ledger.expect(REPLACE, devices);
    expect(ledger.takes(fdbEcho(RTM_NEWNEIGH, 3, mac, destination))).toBe(false);
    expect(ledger.takes(fdbEcho(RTM_NEWNEIGH, 4, mac, parseIp("10.0.0.3")))).toBe(false);
    expect(ledger.takes(fdbEcho(RTM_DELNEIGH, 4, mac, destination))).toBe(false);
    expect(ledger.takes(ipEcho(RTM_NEWNEIGH, 4, destination))).toBe(false);
  });

  test("takes the deletion of an entry whatever destination it had", () => {
    const ledger = activeLedger();
    ledger.expect({ ...REPLACE, verb: "delete" } as NetlinkOp, devices);
    expect(ledger.takes(fdbEcho(RTM_DELNEIGH, 4, mac, parseIp("10.0.0.9")))).toBe(true);
  });

  test("expects nothing while nobody listens, and nothing after clear", () => {
    const silent = new EchoLedger();
    silent.expect(REPLACE, devices);
    expect(silent.takes(fdbEcho(RTM_NEWNEIGH, 4, mac, destination))).toBe(false);
    const ledger = activeLedger();
    let asked = 0;
    ledger.onNoMore = () => {
      asked++;
    };
    ledger.expect(REPLACE, devices);
    ledger.expectNoMore();
    ledger.clear();
    ledger.expectNoMore();
    expect(asked).toBe(1);
    expect(ledger.takes(fdbEcho(RTM_NEWNEIGH, 4, mac, destination))).toBe(false);
  });
});
