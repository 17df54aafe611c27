import { expect, test } from "vitest";
import { openerCommand } from "../../../src/userspace/plain/tun-opener.ts";

test("openerCommand has Perl attach to the device and become the program", () => {
  const command = openerCommand("tun.causeway", true, ["/usr/bin/node", "worker.js"]);
  expect(command[0]).toBe("perl");
  expect(command.slice(-2)).toEqual(["/usr/bin/node", "worker.js"]);
  expect(command).toContain("tun.causeway");
});

test("openerCommand tries no offloads if none are wanted", () => {
  const all = openerCommand("tun0", true, ["node"]);
  const none = openerCommand("tun0", false, ["node"]);
  const differing = all.flatMap((word, at) => (word === none[at] ? [] : [[word, none[at]]]));
  expect(differing).toEqual([["111,15", ""]]);
});
