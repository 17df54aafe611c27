/**
 * Whatever other programs do to the kernel while the reconciler works, and whatever the kernel
 * refuses meanwhile: when it is over, the kernel holds what is wanted, and of ours nothing else.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { CAUSEWAY_DEVICES, isOurAddress } from "../../../tunnels/kernel/ownership.ts";
import { foreignObjects, SECOND_LINK, wantedState } from "../../support/random-state.ts";
import { ReconcilerLab, UNDERLAY } from "../../support/reconciler-lab.ts";
import { type KernelObject, printObject } from "../../support/state-lines.ts";

type Action =
  | { readonly do: "want"; readonly lines: readonly string[] }
  /** Another program's command; refused, it changes nothing. */
  | { readonly do: "outside"; readonly lines: readonly string[] }
  /** The same, in the middle of the next pass: after so many operations. */
  | { readonly do: "intrude"; readonly lines: readonly string[]; readonly after: number }
  /** One of the objects that are there is removed, counted round. */
  | { readonly do: "remove"; readonly at: number }
  | { readonly do: "refuse"; readonly kind: string; readonly code: string; readonly times: number }
  | { readonly do: "pass"; readonly milliseconds: number }
  | { readonly do: "turn" | "settle" | "readBack" | "restart" | "loseEvents" | "overrun" };

const action = (hasObjects: boolean): fc.Arbitrary<Action> => {
  const lines = fc
    .tuple(wantedState(hasObjects), foreignObjects, fc.nat(), fc.constantFrom("", "", "-"))
    .map(([wanted, foreign, at, sign]) => {
      const all = [...wanted, ...foreign, ...LINK_CHANGES];
      return [`${sign}${all[at % all.length]}`];
    });
  return fc.oneof(
    {
      weight: 2,
      arbitrary: wantedState(hasObjects).map((all) => ({ do: "want", lines: all }) as const),
    },
    { weight: 6, arbitrary: lines.map((all) => ({ do: "outside", lines: all }) as const) },
    { weight: 6, arbitrary: fc.nat().map((at) => ({ do: "remove", at }) as const) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("intrude" as const), lines, after: fc.nat(6) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("refuse" as const),
        kind: fc.constantFrom("link", "address", "neighbour", "fdb", "nexthop", "route"),
        code: fc.constantFrom("EBUSY", "ENOBUFS", "EEXIST", "ENODEV", "ESRCH", "EINVAL"),
        times: fc.constantFrom(1, 2, 5),
      }),
    },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom(50, 1_000, 20_000, 400_000)
        .map((milliseconds) => ({ do: "pass", milliseconds }) as const),
    },
    { weight: 8, arbitrary: fc.constantFrom({ do: "turn" } as const, { do: "settle" } as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { do: "readBack" } as const,
        { do: "restart" } as const,
        { do: "loseEvents" } as const,
        { do: "overrun" } as const,
      ),
    },
  );
};

const GONE = ["ENODEV", "ESRCH"];

/** Links go down, come back, get another MTU or MAC; and one goes away. */
const LINK_CHANGES = [
  "link eth0 down mtu 1500",
  "link eth0 mtu 1400",
  "link eth1 down mtu 1500",
  "link eth1 mtu 1500",
  "-link eth1 mtu 1500",
  "link vxlan.causeway down mtu 1450 address 66:00:00:00:00:01 id 4096 port 4789 local 192.0.2.1 dev eth0",
  "link vxlan.causeway mtu 1300 address 66:00:00:00:00:0b id 4096 port 4789 local 192.0.2.1 dev eth0",
];

async function carryOut(lab: ReconcilerLab, action: Action): Promise<void> {
  switch (action.do) {
    case "want":
      return lab.want(...action.lines);
    case "outside":
      for (const line of action.lines) lab.others.try(line.replace("--", ""));
      return;
    case "intrude": {
      let left = action.after;
      lab.kernel.onStep = () => {
        if (left-- !== 0) return;
        for (const line of action.lines) lab.others.try(line.replace("--", ""));
      };
      return;
    }
    case "remove": {
      const objects = lab.objects().filter((object) => !UNDERLAY.includes(printObject(object)));
      const object = objects[action.at % Math.max(objects.length, 1)];
      if (object !== undefined) lab.others.try(`-${printObject(object)}`);
      return;
    }
    case "refuse":
      // Of a deletion these would mean that nothing is there, which is true only if nothing is.
      return lab.kernel.failNext(
        ({ kind, verb }) =>
          kind === action.kind && !(verb === "delete" && GONE.includes(action.code)),
        action.code,
        action.times,
      );
    case "pass":
      await lab.pass(action.milliseconds);
      return;
    case "turn":
      return lab.turn();
    case "settle":
      await lab.settle();
      return;
    case "readBack":
      // Twice: of two readings in a row the second can rest on the first.
      for (let times = 0; times < 2; times++) {
        lab.reconciler.readAgain();
        await lab.settle();
      }
      return;
    case "restart":
      return lab.restart();
    case "loseEvents":
      lab.isDeaf = true;
      return;
    case "overrun":
      lab.isDeaf = false;
      return lab.kernel.overrun();
  }
}

function isOurs({ kind, object }: KernelObject): boolean {
  switch (kind) {
    case "link":
      return CAUSEWAY_DEVICES.isOurs(object.name);
    case "address":
      return isOurAddress(object, CAUSEWAY_DEVICES);
    case "neighbour":
      return object.permanent && CAUSEWAY_DEVICES.isOurs(object.device);
    case "fdb":
      return CAUSEWAY_DEVICES.isOurs(object.device);
    case "nexthop":
      return object.protocol === 202;
    case "route":
      return object.path.protocol === 202;
    case "sysctl":
      return false;
  }
}

const disturbance = fc.boolean().chain((hasObjects) =>
  fc.record({
    hasObjects: fc.constant(hasObjects),
    actions: fc.array(action(hasObjects), { maxLength: 20 }),
    wanted: wantedState(hasObjects),
  }),
);

test("whatever is done to the kernel, in the end it holds what is wanted", async () => {
  await fc.assert(
    fc.asyncProperty(disturbance, async ({ hasObjects, actions, wanted }) => {
      const lab = new ReconcilerLab({ features: { nexthopObjects: hasObjects } });
      lab.outside(...SECOND_LINK);
      for (const one of actions) await carryOut(lab, one);
      lab.kernel.onStep = undefined;
      lab.kernel.forgetFailures();
      if (lab.isDeaf) await carryOut(lab, { do: "overrun" });
      for (const line of [...UNDERLAY, ...SECOND_LINK]) lab.others.try(line);
      lab.want(...wanted);
      await lab.pass(900_000);
      expect(lab.objects().filter(isOurs).map(printObject).sort()).toEqual([...wanted].sort());
      expect(lab.held()).toEqual([]);
      lab.commands();
      lab.restart();
      await lab.settle();
      expect(lab.commands()).toEqual([]);
    }),
    { numRuns: 200 },
  );
});
