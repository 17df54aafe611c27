import { describe, expect, test } from "vitest";
import { formatStatus, headline } from "../../../src/cli/format-status.ts";
import type { KindCount, StatusReport } from "../../../src/observe/status.ts";

const same = (count: number): KindCount => ({ wanted: count, inKernel: count });

const IN_SYNC: StatusReport = {
  state: "in sync",
  node: "alder",
  version: "1.0.0",
  pid: 1,
  datastore: {
    url: "file:./cluster",
    condition: { state: "ok" },
    revision: "41",
    age: 2_000,
    complete: true,
    faults: [],
  },
  registration: undefined,
  dataplane: { tunnels: [], dataPath: undefined },
  kernel: {
    nexthopObjects: true,
    vxlan: "",
    ipip: "Unknown device type",
    ipv6: true,
    release: "6.18",
  },
  counts: {
    nodes: 4,
    blocks: 12,
    pools: 2,
    devices: same(1),
    routes: same(12),
    neighbours: same(3),
    fdb: same(3),
    nexthops: same(6),
    faults: 0,
    failing: 0,
  },
  repairs: { count: 0, recent: [] },
  failing: [],
  waiting: 0,
  withheld: 0,
  problems: [],
  conflicts: [],
  takenOver: [],
  leftAlone: [],
  timings: {
    processStart: 0,
    datastoreRead: 1,
    calculated: 2,
    firstWrite: 3,
    lastAck: 4,
    inSync: 5,
    lastReadBack: undefined,
    lastChange: undefined,
    maxLoopStall: undefined,
    peakRss: 1,
    netlinkWrites: 1,
  },
};

function report(changes: Partial<StatusReport>): StatusReport {
  return { ...IN_SYNC, ...changes };
}

const counts = (changes: Partial<StatusReport["counts"]>): Partial<StatusReport> => ({
  counts: { ...IN_SYNC.counts, ...changes },
});

const datastore = (changes: Partial<StatusReport["datastore"]>): Partial<StatusReport> => ({
  datastore: { ...IN_SYNC.datastore, ...changes },
});

const problem = { subject: "node birch", reason: "it has no record", severity: "error" } as const;
const held = {
  name: "route 10.0.0.0/26",
  why: "failing" as const,
  reason: "no such device",
  since: 0,
  attempts: 3,
  dueAt: 0,
};

test("formatStatus of an agent in sync says so first, then of what", () => {
  expect(formatStatus(IN_SYNC)).toBe(
    [
      "in sync   everything wanted is in the kernel",
      "          node alder, datastore file:./cluster revision 41, read 2 s ago",
      "          kernel 6.18: nexthop objects, vxlan, IPv6; no ipip",
      "          4 nodes, 2 pools, 12 blocks in the datastore",
      "          1 device, 12 routes, 3 neighbours, 3 FDB entries, 6 nexthops in the kernel",
      "refused   none",
      "repairs   none",
      "failing   none",
      "problems  none",
      "conflicts none",
      "",
    ].join("\n"),
  );
});

test.each<[string, Partial<StatusReport>]>([
  ["in sync   everything wanted is in the kernel", {}],
  [
    "in sync   with the last good state; the datastore is unreachable",
    datastore({ condition: { state: "unreachable", reason: "./cluster does not exist" } }),
  ],
  [
    "waiting   for the datastore: not read yet",
    {
      state: "waiting",
      ...datastore({ condition: { state: "starting", reason: "not read yet" } }),
    },
  ],
  [
    "syncing   1,200 of 5,000 routes in the kernel",
    { state: "syncing", ...counts({ routes: { wanted: 5_000, inKernel: 1_200 } }) },
  ],
  [
    "degraded  1 problem, 2 failing, 1 foreign route in the way, 10 waiting for a device or a nexthop",
    {
      state: "degraded",
      problems: [problem, { ...problem, severity: "warning" }],
      leftAlone: ["10.0.0.0/26 via 192.0.2.1 dev eth0"],
      waiting: 10,
      ...counts({ failing: 2 }),
    },
  ],
])("headline is %s", (line, changes) => {
  expect(headline(report(changes))).toBe(line);
});

describe("formatStatus names", () => {
  const text = (changes: Partial<StatusReport>): string => formatStatus(report(changes));

  test("what fails, why, how often, and what to do", () => {
    const port = { ...held, name: "device vxlan.causeway", reason: "in use", code: "EADDRINUSE" };
    expect(text({ failing: [held, port], ...counts({ failing: 2 }) })).toContain(
      [
        "failing   2",
        "          route 10.0.0.0/26: no such device (tried 3 times)",
        "          device vxlan.causeway: in use (tried 3 times)",
        "            → ss -ulnp names the program that has the UDP port",
        "",
      ].join("\n"),
    );
  });

  test("who undoes our work, as far as that is known", () => {
    const fight = { ...held, why: "fight" as const, reason: "deleted" };
    expect(text({ failing: [fight] })).toMatch(
      /route 10.0.0.0\/26: another program keeps undoing it \(found deleted\); repaired/,
    );
  });

  test("problems by their gravity, each with its hint", () => {
    const warning = { ...problem, severity: "warning", hint: "add the Node" } as const;
    expect(text({ problems: [problem, warning] })).toContain(
      [
        "problems  2",
        "          node birch: it has no record",
        "          warning: node birch: it has no record",
        "            → add the Node",
        "",
      ].join("\n"),
    );
  });

  test("both claimants of a conflict, who has it, why, and what to do", () => {
    const conflict = {
      kind: "tunnel address",
      value: "10.0.0.64",
      winner: "birch",
      losers: ["elm"],
      rule: "first by name",
      hint: "give elm another",
    } as const;
    expect(text({ conflicts: [conflict] })).toContain(
      [
        "conflicts 1",
        "          tunnel address 10.0.0.64 is claimed by birch and elm; birch has it (first by name)",
        "            → give elm another",
        "",
      ].join("\n"),
    );
  });

  test("the last repairs first, with what was found and how long it took", () => {
    const repair = { what: "route 10.0.0.0/26", found: "deleted", others: 0, milliseconds: 3.2 };
    const recent = [
      { ...repair, at: Date.now() - 720_000 },
      { ...repair, what: "device vxlan.causeway", others: 7, at: Date.now() - 60_000 },
    ] as unknown as StatusReport["repairs"]["recent"];
    expect(text({ repairs: { count: 9, recent } })).toMatch(
      new RegExp(
        "^repairs   9 objects since the start, the last first\n" +
          " {10}device vxlan.causeway and 7 more objects with it deleted by another program, back after\n" +
          " {14}3.2 ms, 60 s ago\n" +
          " {10}route 10.0.0.0/26 deleted by another program, back after 3.2 ms, 12 min ago\n",
        "m",
      ),
    );
  });

  test("what the datastore holds that was refused, with its place and value", () => {
    const fault = {
      where: "pools.yaml:7",
      what: 'IPPool "green"',
      field: "spec.cidr",
      value: '"10.77.0.0/33"',
      reason: "prefix length 33 is over 32",
      severity: "error",
      keptLastGood: true,
    } as const;
    expect(text({ ...datastore({ faults: [fault] }), ...counts({ faults: 1 }) })).toContain(
      [
        "refused   1",
        '          pools.yaml:7  IPPool "green"  spec.cidr "10.77.0.0/33": prefix length 33 is over 32; its',
        "              last good version is in force",
        "",
      ].join("\n"),
    );
  });

  test.each([
    [false, "until the datastore is whole again", "causeway resync --accept-empty"],
    [true, "until this node has a record", "causeway cleanup"],
  ])("what is withheld where complete is %s, and how to go on", (complete, until, command) => {
    const lines = text({ withheld: 3, ...datastore({ complete }) });
    expect(lines).toContain(`withheld  3 removals ${until}\n`);
    expect(lines).toMatch(new RegExp(`→ .*${command}`));
  });

  test("ten of a long list, and where the rest is", () => {
    const failing = Array.from({ length: 100 }, (_, at) => ({ ...held, name: `route ${at}` }));
    const lines = text({ failing, ...counts({ failing: 1_234 }) });
    expect(lines).toContain("failing   1,234\n");
    expect(lines).toContain("          and 1,224 more; see causeway status --json\n");
    expect(lines.match(/route \d+: /g)).toHaveLength(10);
  });

  test("more in the kernel than is wanted, and less", () => {
    const kinds = { routes: { wanted: 12, inKernel: 2 }, nexthops: { wanted: 0, inKernel: 3 } };
    const lines = text(counts(kinds));
    expect(lines).toContain("2 of 12 routes");
    expect(lines).toContain("3 nexthops (none wanted)");
  });
});
