/**
 * Whatever way it came to what it knows, the calculation wants what a fresh one wants that is told
 * the same at once; and what it calls changed is exactly what differs.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OverlayChanges } from "../../../tunnels/desired/kernel-wish.ts";
import type { OverlaySettings } from "../../../tunnels/model/overlay-settings.ts";
import { NodeView, type UnderlayFacts } from "./node-view.ts";
import { changes } from "./notation.ts";
import { line, options, settings, underlay } from "./random-cluster.ts";

interface Step {
  readonly lines: readonly string[];
  readonly felix: OverlaySettings | undefined;
  readonly facts: UnderlayFacts | undefined;
  /** Slices of the walk before it is given up; undefined: to the end. */
  readonly slices: number | undefined;
  /** Told while the walk runs. */
  readonly meanwhile: readonly string[];
}

const step = (canGiveUp: boolean): fc.Arbitrary<Step> =>
  fc.record({
    lines: fc.array(line, { maxLength: 6 }),
    felix: fc.option(settings, { nil: undefined, freq: 4 }),
    facts: fc.option(underlay, { nil: undefined, freq: 4 }),
    slices: canGiveUp ? fc.option(fc.nat(3), { nil: undefined }) : fc.constant(undefined),
    meanwhile: canGiveUp ? fc.array(line, { maxLength: 2 }) : fc.constant([]),
  });

function felix(view: NodeView, values: OverlaySettings): void {
  view.overlay.change([
    {
      kind: "FelixConfiguration",
      name: "default",
      resource: { kind: "FelixConfiguration", name: "default", settings: values },
    },
  ]);
}

/** Everything that a caller can see, by key. */
function visible(view: NodeView): Map<string, string> {
  const { desired } = view.overlay;
  const all = new Map<string, string>();
  for (const kind of ["links", "addresses", "neighbours", "fdb", "nexthops", "sysctls"] as const) {
    for (const [key, value] of desired[kind]) all.set(`${kind} ${key}`, JSON.stringify(value));
  }
  for (const table of [desired.routes[4], desired.routes[6]]) {
    for (const row of table.rows()) {
      all.set(`routes ${table.destinationOf(row)}`, String(table.pathOf(row)));
    }
  }
  return all;
}

function named(view: NodeView, found: OverlayChanges): string[] {
  const { routes } = view.overlay.desired;
  const keys: string[] = [];
  for (const kind of ["links", "addresses", "neighbours", "fdb", "nexthops", "sysctls"] as const) {
    for (const key of found[kind]) keys.push(`${kind} ${key}`);
  }
  for (const family of [4, 6] as const) {
    for (const row of found.routes[family].rows) {
      keys.push(`routes ${routes[family].destinationOf(row)}`);
    }
    for (const cidr of found.routes[family].removed) keys.push(`routes ${cidr}`);
  }
  return keys.sort();
}

function differing(before: Map<string, string>, after: Map<string, string>): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => before.get(key) !== after.get(key)).sort();
}

function everything(view: NodeView): unknown {
  const { overlay } = view;
  return {
    printed: view.printed(),
    problems: overlay.problems(),
    conflicts: view.conflicts(),
    vteps: overlay.vteps(),
    asymmetric: [...overlay.asymmetricNodes].sort(),
    counts: overlay.counts,
    needsUnderlayRoutes: overlay.needsUnderlayRoutes,
    settings: overlay.settings,
    reasons: [...visible(view).keys()]
      .filter((key) => key.startsWith("routes "))
      .map((key) => `${key}: ${overlay.describe("route", key.slice(7))}`)
      .sort(),
  };
}

/** Takes the steps, and compares with a fresh view after each finished one. */
function follow(steps: readonly Step[], given: Parameters<typeof fresh>[0], exact: boolean): void {
  const view = new NodeView(given);
  const told = new Map<string, string>();
  let values: OverlaySettings = {};
  let before = visible(view);
  for (const { lines, felix: wanted, facts, slices, meanwhile } of steps) {
    tell(view, told, lines);
    if (wanted) {
      values = wanted;
      felix(view, values);
    }
    if (facts) view.facts = facts;
    view.readUnderlay();
    const walk = view.overlay.calculate();
    let result = slices === 0 ? undefined : walk.next();
    tell(view, told, meanwhile);
    view.readUnderlay();
    for (let count = 1; result && !result.done && count !== slices; count++) result = walk.next();
    if (!result?.done) continue;
    // What was told after the last slice is for the next walk.
    if (meanwhile.length > 0) view.calculate();
    const after = visible(view);
    const names = named(view, result.value as OverlayChanges);
    if (exact) expect(names).toEqual(differing(before, after));
    before = after;
    expect(everything(view)).toEqual(everything(fresh(given, told, values, view.facts)));
  }
}

function tell(view: NodeView, told: Map<string, string>, lines: readonly string[]): void {
  view.change(lines);
  for (const text of lines) {
    for (const { kind, name, resource } of changes([text])) {
      told.delete(`${kind} ${name}`);
      if (resource) told.set(`${kind} ${name}`, text);
    }
  }
}

function fresh(
  given: ConstructorParameters<typeof NodeView>[0],
  told: ReadonlyMap<string, string>,
  values: OverlaySettings,
  facts: UnderlayFacts,
): NodeView {
  const view = new NodeView(given, facts);
  view.change([...told.values()].sort().reverse());
  felix(view, values);
  view.calculate();
  return view;
}

describe("the result", () => {
  it("is that of a fresh calculation, and the changes are exactly what differs", () => {
    fc.assert(
      fc.property(fc.array(step(false), { minLength: 1, maxLength: 12 }), options, (steps, given) =>
        follow(steps, given, true),
      ),
      { numRuns: 400 },
    );
  });

  it("is the same when walks are given up, and when changes come while one runs", () => {
    fc.assert(
      fc.property(fc.array(step(true), { minLength: 1, maxLength: 12 }), options, (steps, given) =>
        follow(steps, given, false),
      ),
      { numRuns: 400 },
    );
  });

  it("does not depend on the order of the resources", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(line, { maxLength: 16, selector: (text) => key(text) }),
        fc.infiniteStream(fc.nat()),
        underlay,
        (lines, numbers, facts) => {
          const shuffled = lines
            .map((text) => ({ text, at: numbers.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ text }) => text);
          const [one, other] = [lines, shuffled].map((order) => {
            const view = new NodeView({}, facts).change(order);
            view.calculate();
            return everything(view);
          });
          expect(one).toEqual(other);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("has the same ways with and without nexthop objects", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 16 }), underlay, (lines, facts) => {
        const [objects, gateways] = [true, false].map((nexthopObjects) =>
          new NodeView({ nexthopObjects }, facts).change(lines).wants("route", "neighbour", "fdb"),
        );
        expect(objects).toEqual(gateways);
      }),
      { numRuns: 300 },
    );
  });
});

function key(text: string): string {
  const [change] = changes([text]);
  return `${change?.kind} ${change?.name}`;
}
