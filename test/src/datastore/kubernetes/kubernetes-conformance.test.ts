import { describe, test } from "vitest";
import { storeCases } from "../../../conformance/datastore.cases.ts";
import { KubernetesDriver } from "./kubernetes-driver.ts";

/** Cases that a cluster cannot be brought into, and why. */
const skipped: Readonly<Record<string, string>> = {
  "a field that does not exist is named, and the resource is used":
    "it is a Node's field, and Kubernetes has annotations in their place",
};

const clusters = [
  { name: "crd.projectcalico.org/v1, HTTP/2", group: "crd.projectcalico.org/v1", options: {} },
  { name: "projectcalico.org/v3, HTTP/2", group: "projectcalico.org/v3", options: {} },
  {
    name: "crd.projectcalico.org/v1, HTTP/1.1",
    group: "crd.projectcalico.org/v1",
    options: { onlyHttp1: true },
  },
] as const;

describe.each(clusters)("Kubernetes datastore, $name", ({ group, options }) => {
  for (const { name, run } of storeCases) {
    test(name, async ({ skip }) => {
      if (skipped[name] !== undefined) skip(skipped[name]);
      await using driver = await KubernetesDriver.start(group, options);
      await run(driver);
    });
  }
});
