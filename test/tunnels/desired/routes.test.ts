import { describe, expect, it } from "vitest";
import { NodeView } from "./node-view.ts";
import { twin } from "./notation.ts";
import { ROUTE_CASES, type RouteCase } from "./route-cases.ts";

/** The ways to arrive at a state; the result must not tell which one was taken. */
const ARRIVALS: Record<string, (view: NodeView, given: string[]) => void> = {
  "at once": (view, given) => {
    view.change(given);
  },
  "in reverse": (view, given) => {
    view.change([...given].reverse());
  },
  "one resource at a time": (view, given) => {
    for (const line of given) {
      view.change([line]).calculate();
    }
  },
  "one resource at a time, in reverse": (view, given) => {
    for (const line of [...given].reverse()) view.change([line]).calculate();
  },
  "with everything removed in between": (view, given) => {
    for (let round = 0; round < 2; round++) {
      view.change(given).calculate();
      view.change(given.map((line) => `-${line}`)).calculate();
    }
    view.change(given);
  },
  "by way of every other state": (view, given) => {
    for (const { given: other } of ROUTE_CASES) {
      view.change(other).calculate();
      view.change(other.map((line) => `-${line}`));
    }
    view.change(given);
  },
  "with every other state squashed into one batch": (view, given) => {
    for (const { given: other } of ROUTE_CASES) {
      view.change(other).change(other.map((line) => `-${line}`));
    }
    view.change(given);
  },
};

describe.each([4, 6] as const)("routes and VTEPs, IPv%i", (family) => {
  const cases = ROUTE_CASES.filter(({ onlyIpv4 }) => family === 4 || !onlyIpv4);
  const say = (lines: readonly string[]): string[] => lines.map((line) => twin(family, line));

  describe.each(Object.entries(ARRIVALS))("%s", (_, arrive) => {
    it.each(cases)("$name", ({ given, expect: expected, problems }: RouteCase) => {
      const view = new NodeView();
      arrive(view, say(given));
      expect(view.wants("route", "neighbour", "fdb")).toEqual(say(expected).sort());
      if (problems) expect(view.problems()).toEqual(say(problems));
    });
  });

  it.each(cases)("without nexthop objects: $name", ({ given, expect: expected }: RouteCase) => {
    const view = new NodeView({ nexthopObjects: false }).change(say(given));
    expect(view.wants("route", "neighbour", "fdb")).toEqual(say(expected).sort());
    expect(view.overlay.desired.nexthops.size).toBe(0);
  });
});
