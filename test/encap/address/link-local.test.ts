import { expect, test } from "vitest";
import { linkLocalOf } from "../../../encap/address/link-local.ts";
import { parseMac } from "../../../encap/address/mac-address.ts";

// The first is the example of RFC 2464 section 4; the others are what Linux gave such devices.
test.each([
  ["34:56:78:9a:bc:de", "fe80::3656:78ff:fe9a:bcde"],
  ["66:50:a5:70:90:ab", "fe80::6450:a5ff:fe70:90ab"],
  ["66:00:00:00:00:01", "fe80::6400:ff:fe00:1"],
])("linkLocalOf(%s) is %s", (mac, address) => {
  expect(`${linkLocalOf(parseMac(mac))}`).toBe(address);
});
