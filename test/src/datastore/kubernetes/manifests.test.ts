// deploy/kubernetes: the rights are those that are used, all of them and no others, and the definitions take the
// records that are written.
import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { ApiClient } from "../../../../src/datastore/kubernetes/api-client.ts";
import { customObject, pluralOf } from "../../../../src/datastore/kubernetes/custom-form.ts";
import { KubernetesRecordStore } from "../../../../src/datastore/kubernetes/record-store.ts";
import type { RecordValue } from "../../../../src/datastore/record-store.ts";
import { nodeManifest, poolManifest } from "../../../conformance/manifests.ts";
import { samples } from "../../../conformance/record-store.cases.ts";
import { StoreFollower } from "../../../conformance/store-follower.ts";
import { type CalicoGroup, KubernetesDriver } from "./kubernetes-driver.ts";

interface Document {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly spec?: {
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: object } }[];
  };
}

function documents(name: string): Document[] {
  const text = readFileSync(`deploy/kubernetes/${name}`, "utf8");
  return parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Document;
  });
}

/** "list nodes", "update ipamblocks.crd.projectcalico.org". */
function rightsOf(role: string): Set<string> {
  const { rules = [] } = documents("causeway.yaml").find(
    ({ kind, metadata }) => kind === "ClusterRole" && metadata.name === role,
  ) ?? { rules: [] };
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb) => `${verb} ${group === "" ? resource : `${resource}.${group}`}`),
        ),
      ),
    ),
  );
}

function rightsUsed({ server }: KubernetesDriver): Set<string> {
  const verbs: Record<string, string> = { POST: "create", PUT: "update", PATCH: "patch" };
  return new Set(
    server.requests.flatMap(({ method, path, isWatch }) => {
      const [, group, plural, name] =
        /^\/(?:api|apis\/([^/]+))\/[^/]+\/([^/]+)(?:\/(.+))?$/.exec(path) ?? [];
      if (plural === undefined) return [];
      const read = isWatch ? "watch" : name === undefined ? "list" : "get";
      const verb = method === "GET" ? read : (verbs[method] ?? method.toLowerCase());
      return [`${verb} ${group === undefined ? plural : `${plural}.${group}`}`];
    }),
  );
}

const group = "crd.projectcalico.org/v1";

test("whoever follows a cluster uses the rights of the role causeway, and no others", async () => {
  const used = new Set<string>();
  for (const served of [group, "projectcalico.org/v3"] as const) {
    await using driver = await KubernetesDriver.start(served);
    await driver.put(poolManifest("green", "10.77.0.0/16"), nodeManifest("alder", "192.0.2.1"));
    await using store = new StoreFollower(driver.open());
    await store.until(({ last }) => last?.inSync === true);
    await expect.poll(() => driver.server.watches.size, { timeout: 10_000 }).toBe(4);
    for (const one of rightsUsed(driver)) used.add(one);
  }
  const rights = rightsOf("causeway");
  expect([...used].filter((one) => !rights.has(one))).toEqual([]);
  // Only registering reads single objects; the role is one that people bind to viewers, too.
  const unused = [...rights].filter((one) => !used.has(one) && !one.startsWith("get "));
  expect(unused).toEqual([]);
});

test("whoever registers nodes uses the rights of both roles, and no others", async () => {
  const used = new Set<string>();
  for (const served of [group, "projectcalico.org/v3"] as const) {
    await using driver = await KubernetesDriver.start(served);
    await driver.put(nodeManifest("birch", "192.0.2.2"));
    const store = new KubernetesRecordStore(new ApiClient(driver.access()));
    // What src/register does with each kind.
    const node = await store.get("Node", "birch");
    await store.list("Node");
    const record = node?.value as RecordValue;
    const spec = { ...record.spec, ipv4VXLANTunnelAddr: "10.77.3.64" };
    await store.update({ ...record, spec }, node?.revision ?? "");
    await store.list("IPPool");
    await store.get("IPAMConfig", "default");
    for (const sample of samples) {
      const { kind, metadata } = sample;
      if (!["IPAMBlock", "BlockAffinity", "IPAMHandle"].includes(kind)) continue;
      const { value, revision } = await store.create(sample);
      await store.list(kind);
      const written = await store.update({ ...value, metadata }, revision);
      await store.delete(kind, metadata.name, written.revision);
    }
    await store.close();
    for (const one of rightsUsed(driver)) used.add(one);
  }
  const register = rightsOf("causeway-register");
  const all = new Set([...rightsOf("causeway"), ...register]);
  expect([...used].filter((one) => !all.has(one))).toEqual([]);
  // Each group has its own name for one kind.
  const foreign = [
    "get ipamconfigs.projectcalico.org",
    "get ipamconfigurations.crd.projectcalico.org",
  ];
  expect([...register].filter((one) => !used.has(one)).sort()).toEqual(foreign);
});

describe("crds.yaml", () => {
  const definitions = documents("crds.yaml");

  test.each(samples.filter(({ kind }) => kind !== "Node"))(
    "has a definition for $kind that takes $metadata.name",
    ({ kind, ...value }) => {
      if (kind === "Node") throw new TypeError("no custom resource");
      const plural = pluralOf(kind, group as CalicoGroup);
      const definition = definitions.find(({ spec }) => spec?.names.plural === plural);
      expect(definition).toMatchObject({
        metadata: { name: `${plural}.crd.projectcalico.org` },
        spec: { group: "crd.projectcalico.org", scope: "Cluster", names: { kind } },
      });
      const schema = definition?.spec?.versions[0]?.schema.openAPIV3Schema ?? {};
      const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
      const object = customObject({ ...value, kind }, group, undefined);
      expect(validate(object) ? [] : validate.errors).toEqual([]);
      expect(validate({ ...object, spec: 7 })).toBe(false);
    },
  );
});
