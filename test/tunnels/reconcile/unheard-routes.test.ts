/** What others do to the routes while very many are written and nobody listens. */
import { beforeEach, describe, expect, test } from "vitest";
import { ReconcilerLab } from "../../support/reconciler-lab.ts";
import { smallNode } from "./small-node.ts";

describe.each([4, 6] as const)("IPv%d", (family) => {
  const node = smallNode(family);
  let lab: ReconcilerLab;

  beforeEach(() => {
    lab = new ReconcilerLab({ manyRoutes: 3 });
  });

  /** Another program deletes the blackhole as soon as the last of our operations was carried out. */
  function disturbAtTheEnd(): void {
    let left = node.all.length;
    lab.kernel.onStep = () => {
      if (--left === 0) lab.outside(`-${node.blackhole}`);
    };
  }

  test("is found as soon as they are written", async () => {
    disturbAtTheEnd();
    lab.want(...node.all);
    await lab.settle();
    expect(lab.holds()).toEqual(node.all);
    expect(lab.repairs).toHaveLength(1);
  });

  test("is heard of at once where fewer routes are written", async () => {
    lab = new ReconcilerLab({ manyRoutes: 4 });
    disturbAtTheEnd();
    lab.want(...node.all);
    await lab.settle();
    expect(lab.holds()).toEqual(node.all);
  });

  test("is heard of again once they are written, without another read-back", async () => {
    lab.want(...node.all);
    await lab.settle();
    lab.kernel.readRoutes = () => Promise.reject(new Error("nobody is to read them"));
    lab.outside(`-${node.blackhole}`);
    await lab.settle();
    expect(lab.holds()).toEqual(node.all);
  });

  test("is heard of again also where writing failed", async () => {
    lab.refuse("add", node.say("route 10.0.3.0/26"), "EINVAL");
    lab.want(...node.all);
    await lab.settle();
    lab.outside(`-${node.blackhole}`);
    await lab.settle();
    expect(lab.holds()).toContain(node.blackhole);
  });

  test("are not read back for ever where the kernel refuses them", async () => {
    for (const route of ["10.0.0.0/26", "10.0.1.0/26", "10.0.3.0/26"]) {
      lab.refuse("add", node.say(`route ${route}`), "ENOSPC", 1_000);
    }
    lab.want(...node.all);
    await lab.settle();
    expect(lab.reconciler.isIdle).toBe(true);
  });

  test("are not read back for ever where they wait for a device", async () => {
    lab = new ReconcilerLab({ manyRoutes: 1 });
    lab.refuse("add", node.say("device vxlan.causeway"), "EEXIST", 1_000);
    lab.want(...node.all.filter((line) => line !== node.direct && line !== node.blackhole));
    await lab.settle();
    expect(lab.holds()).toEqual([]);
  });
});
