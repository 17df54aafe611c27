/**
 * From any state of the kernel to any wanted one: what is applied leads there, by a way on which
 * nothing that is needed is ever missing, and then there is nothing left to do.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { linkChange } from "../../../tunnels/kernel/link-change.ts";
import { foreignObjects, SECOND_LINK, wantedState } from "../../support/random-state.ts";
import { ReconcilerLab } from "../../support/reconciler-lab.ts";
import { type KernelObject, parseObject, printObject } from "../../support/state-lines.ts";

interface Transition {
  readonly hasObjects: boolean;
  /** The kernel's state: what an earlier agent wanted, some of it gone, and what others have. */
  readonly earlier: readonly string[];
  readonly gone: readonly string[];
  readonly foreign: readonly string[];
  readonly wanted: readonly string[];
}

const transition: fc.Arbitrary<Transition> = fc.boolean().chain((hasObjects) =>
  fc
    .record({
      hasObjects: fc.constant(hasObjects),
      earlier: wantedState(hasObjects),
      foreign: foreignObjects,
      wanted: wantedState(hasObjects),
    })
    .chain((all) => fc.subarray(all.earlier).map((gone) => ({ ...all, gone }))),
);

function labOf({ hasObjects, earlier, gone, foreign }: Transition): ReconcilerLab {
  const lab = new ReconcilerLab({ features: { nexthopObjects: hasObjects } });
  lab.outside(...SECOND_LINK, ...earlier);
  for (const line of gone) lab.others.try(`-${line}`);
  lab.outside(...foreign);
  return lab;
}

/** What the kernel holds in the end: our wishes, and of the others what is in nobody's place. */
function expected({ wanted, foreign }: Transition): string[] {
  const keys = new Set(wanted.map(parseObject).map(keyOf));
  const left = foreign.filter((line) => !keys.has(keyOf(parseObject(line))));
  return [...SECOND_LINK, ...left, ...wanted].sort();
}

function keyOf({ kind, object }: KernelObject): string {
  switch (kind) {
    case "link":
    case "sysctl":
      return `${kind} ${object.name}`;
    case "address":
      return `${kind} ${object.ip}/${object.prefixLength} ${object.device}`;
    case "neighbour":
      return `${kind} ${object.ip} ${object.device}`;
    case "fdb":
      return `${kind} ${object.mac} ${object.device}`;
    case "nexthop":
      return `${kind} ${object.id}`;
    case "route":
      return `${kind} ${object.destination} ${object.metric}`;
  }
}

/**
 * The keys that are in the kernel and wanted, and must therefore be there all the time. What goes
 * along with a device that cannot be changed in place is left out, and the neighbours of one that
 * gets another MAC: the kernel leaves no choice.
 */
function lasting(lab: ReconcilerLab, wanted: readonly string[]): string[] {
  const wishes = new Map(wanted.map(parseObject).map((object) => [keyOf(object), object]));
  const { external } = lab.kernel;
  const isRemade = (device: string | undefined): boolean => {
    const wish = wishes.get(`link ${device}`);
    const actual = external.links.get(device ?? "");
    return wish?.kind === "link" && !!actual && linkChange(actual, wish.object) === "recreate";
  };
  const hasNewMac = (device: string): boolean => {
    const wish = wishes.get(`link ${device}`);
    return wish?.kind === "link" && external.links.get(device)?.mac !== wish.object.mac;
  };
  const isLost = ({ kind, object }: KernelObject): boolean => {
    switch (kind) {
      case "sysctl":
        return false;
      case "link":
        return isRemade(object.name);
      case "route": {
        const { nexthopId, device } = object.path;
        return isRemade(
          nexthopId === undefined ? device : external.nexthops.get(nexthopId)?.device,
        );
      }
      case "neighbour":
        return isRemade(object.device) || hasNewMac(object.device);
      default:
        return isRemade(object.device);
    }
  };
  return lab
    .objects()
    .filter((object) => wishes.has(keyOf(object)) && !isLost(object))
    .map(keyOf);
}

test("the kernel gets from any state to any wanted one, and stays there", async () => {
  await fc.assert(
    fc.asyncProperty(transition, async (given) => {
      const lab = labOf(given);
      lab.want(...given.wanted);
      await lab.settle();
      expect(lab.failures()).toEqual([]);
      expect(lab.holds()).toEqual(expected(given));
      lab.commands();
      lab.restart();
      await lab.settle();
      expect(lab.commands()).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("nothing that is there and wanted is missing at any step", async () => {
  await fc.assert(
    fc.asyncProperty(transition, async (given) => {
      const lab = labOf(given);
      const keys = lasting(lab, given.wanted);
      lab.kernel.onStep = (op) => {
        const present = new Set(lab.objects().map(keyOf));
        const missing = keys.filter((key) => !present.has(key));
        expect(missing, `after ${op.verb} ${op.kind}`).toEqual([]);
      };
      lab.want(...given.wanted);
      await lab.settle();
    }),
    { numRuns: 200 },
  );
});

test("a running agent gets from one wish to the next in one pass, and mends nothing on the way", async () => {
  await fc.assert(
    fc.asyncProperty(transition, async (given) => {
      const lab = new ReconcilerLab({ features: { nexthopObjects: given.hasObjects } });
      lab.outside(...SECOND_LINK);
      lab.want(...given.earlier);
      await lab.settle();
      const keys = lasting(lab, given.wanted);
      lab.kernel.onStep = (op) => {
        const present = new Set(lab.objects().map(keyOf));
        const missing = keys.filter((key) => !present.has(key));
        expect(missing, `after ${op.verb} ${op.kind}`).toEqual([]);
      };
      lab.want(...given.wanted);
      await lab.turn();
      expect(lab.holds()).toEqual([...SECOND_LINK, ...given.wanted].sort());
      lab.commands();
      await lab.settle();
      expect(lab.commands()).toEqual([]);
      expect([lab.failures(), lab.repairs]).toEqual([[], []]);
    }),
    { numRuns: 200 },
  );
});

test("the order in which objects are known does not matter", async () => {
  await fc.assert(
    fc.asyncProperty(transition, async (given) => {
      const [one, other] = await Promise.all(
        [given.wanted, [...given.wanted].reverse()].map(async (wanted) => {
          const lab = labOf(given);
          lab.want(...wanted);
          await lab.settle();
          return [lab.commands().sort(), lab.holds()];
        }),
      );
      expect(one).toEqual(other);
    }),
    { numRuns: 100 },
  );
});

test("lines are read as they are printed", () => {
  fc.assert(
    fc.property(wantedState(true), foreignObjects, (wanted, foreign) => {
      for (const line of [...wanted, ...foreign]) expect(printObject(parseObject(line))).toBe(line);
    }),
    { numRuns: 50 },
  );
});
