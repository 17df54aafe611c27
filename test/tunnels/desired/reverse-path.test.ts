import { describe, expect, test } from "vitest";
import { ETH0, NodeView } from "./node-view.ts";

const CLUSTER = [
  "pool always 10.0.0.0/16 vxlan Always",
  "pool cross 10.1.0.0/16 vxlan CrossSubnet",
  "node alder 192.0.2.1/24 vxlan=10.0.0.1",
  "node birch 192.0.2.2/24 vxlan=10.0.1.1",
  "node cedar 198.51.100.3/24 vxlan=10.0.2.1",
];

const name = (device: string): string => `net.ipv4.conf.${device}.rp_filter`;
const TUNNEL = "vxlan/causeway";

function problemsWith(modes: Readonly<Record<string, string>>, lines = CLUSTER): string[] {
  const sysctls = Object.fromEntries(Object.entries(modes).map(([key, mode]) => [name(key), mode]));
  const view = new NodeView({}, { ...ETH0, sysctls }).change(lines);
  view.calculate();
  return view.overlay.problems().map(({ severity, subject }) => `${severity} ${subject}`);
}

const [ON_TUNNEL, ON_PARENT] = ["warning device vxlan.causeway", "warning device eth0"];

describe("reversePathProblems", () => {
  test.each([
    ["nothing that is off", { all: "0", eth0: "0", [TUNNEL]: "0" }, []],
    ["nothing that is loose", { all: "2", eth0: "2", [TUNNEL]: "2" }, []],
    ["nothing that could not be read", {}, []],
    ["a strict tunnel device", { [TUNNEL]: "1" }, [ON_TUNNEL]],
    ["a strict parent", { eth0: "1" }, [ON_PARENT]],
    ["both where all are strict", { all: "1" }, [ON_PARENT, ON_TUNNEL]],
    ["nothing strict where all are loose: the greater counts", { all: "2", eth0: "1" }, []],
    ["what is left of all strict", { all: "1", eth0: "2", [TUNNEL]: "0" }, [ON_TUNNEL]],
    ["nothing of devices that are not concerned", { eth1: "1", "ipip/causeway": "1" }, []],
  ])("names %s", (_, modes, expected) => {
    expect(problemsWith(modes)).toEqual(expected);
  });

  test("says the command that mends it, with the device's own name", () => {
    const view = new NodeView({}, { ...ETH0, sysctls: { [name("all")]: "1" } }).change(CLUSTER);
    view.calculate();
    expect(view.overlay.problems().map(({ hint }) => hint)).toEqual([
      "sysctl -w net/ipv4/conf/eth0/rp_filter=2",
      "sysctl -w net/ipv4/conf/vxlan.causeway/rp_filter=2",
    ]);
  });

  test.each([
    ["no node is outside the subnet", CLUSTER.filter((line) => !/always|cedar/.test(line))],
    ["there is no other node", CLUSTER.filter((line) => !/birch|cedar/.test(line))],
    ["no pool encapsulates", CLUSTER.map((line) => line.replace(/Always|CrossSubnet/, "Never"))],
  ])("names nothing where %s", (_, lines) => {
    expect(problemsWith({ all: "1" }, lines)).toEqual([]);
  });

  test("names what a pool across subnets sends through the tunnel", () => {
    const lines = CLUSTER.filter((line) => !line.includes("always"));
    expect(problemsWith({ all: "1" }, lines)).toEqual([ON_PARENT, ON_TUNNEL]);
  });

  describe.each([
    ["birch takes us for remote", "node birch 192.0.2.2/32 vxlan=10.0.1.1", TUNNEL, "eth0"],
    ["we take birch for remote", "node alder 192.0.2.1/32 vxlan=10.0.0.1", "eth0", TUNNEL],
  ])("where %s", (_, line, arriving, other) => {
    const own = (modes: Readonly<Record<string, string>>): string[] =>
      problemsWith(modes, [...CLUSTER, line]).filter((one) => one.includes("node alder"));

    test("one-way encapsulation is a warning while nothing filters what comes in", () => {
      expect(own({})).toEqual(["warning node alder"]);
      expect(own({ [other]: "1" })).toEqual(["warning node alder"]);
    });

    test("one-way encapsulation is an error where what comes in is filtered", () => {
      expect(own({ [arriving]: "1" })).toEqual(["error node alder"]);
    });
  });
});
