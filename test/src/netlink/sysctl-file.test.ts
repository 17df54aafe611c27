import { expect, test } from "vitest";
import { readSysctl, sysctlPath } from "../../../src/netlink/sysctl-file.ts";

test("sysctlPath() follows sysctl(8): dots divide, and a slash is a dot in a device name", () => {
  expect(sysctlPath("net.ipv4.ip_forward")).toBe("/proc/sys/net/ipv4/ip_forward");
  expect(sysctlPath("net.ipv4.conf.vxlan/causeway.rp_filter")).toBe(
    "/proc/sys/net/ipv4/conf/vxlan.causeway/rp_filter",
  );
});

test.each(["", "net..x", "net.//.x", "net./.x", "net. .x", "net.//.//.etc.passwd"])(
  "sysctlPath() refuses %j",
  (name) => {
    expect(() => sysctlPath(name)).toThrow(/is no sysctl/);
  },
);

test("readSysctl() gives undefined for what is not there", () => {
  expect(readSysctl("net.ipv4.no_such_thing")).toBeUndefined();
});
