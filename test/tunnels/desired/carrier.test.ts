import { expect, test } from "vitest";
import { chooseCarrier } from "../../../tunnels/desired/carrier.ts";
import type { Dataplane } from "../../../tunnels/model/dataplane.ts";

const NO_MODULE = "Unknown device type";
const NO_TUN = "/dev/net/tun is missing";

test.each<[Dataplane, string, string, string, string?]>([
  ["auto", "", "", "kernel"],
  ["auto", "", NO_TUN, "kernel"],
  ["auto", NO_MODULE, "", "userspace", "this kernel cannot make ipip devices: Unknown device type"],
  [
    "auto",
    NO_MODULE,
    NO_TUN,
    "nobody",
    "this kernel cannot make ipip devices: Unknown device type; " +
      "nor can userspace: /dev/net/tun is missing",
  ],
  ["kernel", "", "", "kernel"],
  ["kernel", NO_MODULE, "", "nobody", "this kernel cannot make ipip devices: Unknown device type"],
  ["userspace", "", "", "userspace", "the dataplane is set to userspace"],
  ["userspace", NO_MODULE, "", "userspace", "the dataplane is set to userspace"],
  ["userspace", "", NO_TUN, "nobody", "userspace cannot carry ipip: /dev/net/tun is missing"],
])(
  "chooseCarrier with %s, kernel '%s', userspace '%s': %s",
  (dataplane, kernel, userspace, by, reason) => {
    const carrier = chooseCarrier("ipip", dataplane, { kernel, userspace });
    expect(carrier.by).toBe(by);
    expect("reason" in carrier ? carrier.reason : undefined).toBe(reason);
  },
);

test("chooseCarrier names no dataplane that could not carry it either", () => {
  const hint = (dataplane: Dataplane, kernel: string, userspace: string): string => {
    const carrier = chooseCarrier("ipip", dataplane, { kernel, userspace });
    return carrier.by === "nobody" ? carrier.hint : "none";
  };
  expect(hint("kernel", NO_MODULE, "")).toContain("auto");
  expect(hint("kernel", NO_MODULE, NO_TUN)).not.toContain("auto");
  expect(hint("userspace", "", NO_TUN)).toContain("auto");
  expect(hint("userspace", NO_MODULE, NO_TUN)).not.toContain("auto");
});
