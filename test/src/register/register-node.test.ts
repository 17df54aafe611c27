import { describe, expect, test } from "vitest";
import type { RecordValue } from "../../../src/datastore/record-store.ts";
import { checkIpam } from "../../support/check-ipam.ts";
import type { SharedRecords } from "../../support/memory-record-store.ts";
import { pool, put, records, register, vxlanPool } from "../../support/register-lab.ts";

const V4 = "192.0.2.10/26";
const V6 = "2001:db8::10/64";

function node(shared: SharedRecords, name = "alder"): RecordValue {
  const found = shared.get("Node", name);
  if (found === undefined) throw new Error(`no Node ${name}`);
  return found.value;
}

const blocks = (shared: SharedRecords): string[] =>
  shared.all("IPAMBlock").map(({ value }) => `${value.spec["cidr"]} ${value.spec["affinity"]}`);

const problems = (found: { readonly problems: readonly { subject: string; reason: string }[] }) =>
  found.problems.map(({ subject, reason }) => `${subject}: ${reason}`);

test("registerNode writes what Calico's nodes write", async () => {
  const shared = records(vxlanPool("v4", "10.244.0.0/26"), vxlanPool("v6", "fd00::40/122"));
  const found = await register(shared.open(), "alder", V4, V6);
  expect(found.problems).toEqual([]);
  expect(found.podBlocks.map(({ cidr }) => cidr)).toEqual(["10.244.0.0/26", "fd00::40/122"]);
  expect(node(shared)).toEqual({
    apiVersion: "projectcalico.org/v3",
    kind: "Node",
    metadata: { name: "alder", annotations: { "causeway/machine": "machine of alder" } },
    spec: {
      bgp: { ipv4Address: "192.0.2.10/26", ipv6Address: "2001:db8::10/64" },
      ipv4VXLANTunnelAddr: "10.244.0.0",
      ipv6VXLANTunnelAddr: "fd00::40",
      addresses: [
        { address: "192.0.2.10/26", type: "CalicoNodeIP" },
        { address: "2001:db8::10/64", type: "CalicoNodeIP" },
      ],
    },
  });
  expect(shared.all("BlockAffinity").map(({ value }) => [value.metadata.name, value.spec])).toEqual(
    [
      [
        "alder-10-244-0-0-26",
        { state: "confirmed", node: "alder", type: "host", cidr: "10.244.0.0/26", deleted: false },
      ],
      [
        "alder-fd00--40-122",
        { state: "confirmed", node: "alder", type: "host", cidr: "fd00::40/122", deleted: false },
      ],
    ],
  );
  expect(shared.all("IPAMHandle").map(({ value }) => value.spec)).toEqual([
    { handleID: "vxlan-tunnel-addr-alder", block: { "10.244.0.0/26": 1 }, deleted: false },
    { handleID: "vxlan-v6-tunnel-addr-alder", block: { "fd00::40/122": 1 }, deleted: false },
  ]);
  expect(await checkIpam(shared.open())).toEqual([]);
});

test("registerNode writes nothing where all is as it was", async () => {
  const shared = records(
    vxlanPool("a", "10.244.0.0/16"),
    pool("b", "10.245.0.0/16", { ipipMode: "CrossSubnet" }),
    pool("c", "10.246.0.0/16"),
  );
  const first = await register(shared.open(), "alder", V4);
  const before = shared.writes;
  const second = await register(shared.open(), "alder", V4);
  expect(shared.writes).toBe(before);
  expect(second).toEqual(first);
  expect(node(shared).spec["bgp"]).toHaveProperty("ipv4IPIPTunnelAddr");
});

test("registerNode corrects an address that changed and keeps what is not its own", async () => {
  const shared = records(vxlanPool("a", "10.244.0.0/16"));
  const store = shared.open();
  await register(store, "alder", V4);
  const { spec } = node(shared);
  put(shared, {
    ...node(shared),
    metadata: { ...node(shared).metadata, labels: { rack: "a" } },
    spec: {
      ...spec,
      vxlanTunnelMACAddr: "66:00:00:00:00:01",
      bgp: { ...(spec["bgp"] as object), asNumber: 64_512 },
      addresses: [
        ...(spec["addresses"] as object[]),
        { address: "192.0.2.99", type: "ExternalIP" },
      ],
    },
  });
  await register(store, "alder", "198.51.100.7/24");
  expect(node(shared)).toMatchObject({
    metadata: { labels: { rack: "a" } },
    spec: {
      vxlanTunnelMACAddr: "66:00:00:00:00:01",
      bgp: { asNumber: 64_512, ipv4Address: "198.51.100.7/24" },
      addresses: [
        { address: "198.51.100.7/24", type: "CalicoNodeIP" },
        { address: "192.0.2.99", type: "ExternalIP" },
      ],
      ipv4VXLANTunnelAddr: spec["ipv4VXLANTunnelAddr"],
    },
  });
});

test("registerNode keeps the record's address while none is found, and says so", async () => {
  const shared = records(vxlanPool("a", "10.244.0.0/16"));
  await register(shared.open(), "alder", V4);
  const found = await register(shared.open(), "alder");
  expect(problems(found)).toEqual([
    "node alder: no IPv4 address to register: the test gave none; the record keeps 192.0.2.10",
  ]);
  expect(node(shared).spec["bgp"]).toEqual({ ipv4Address: V4 });
});

test("registerNode makes no record of a node without any address", async () => {
  const shared = records(vxlanPool("a", "10.244.0.0/16"));
  await register(shared.open(), "alder");
  expect(shared.writes).toBe(1);
});

describe("registerNode takes from a pool", () => {
  test("nothing, where the pool is disabled, manual or not for this node", async () => {
    const shared = records(
      vxlanPool("off", "10.1.0.0/16", { disabled: true }),
      vxlanPool("manual", "10.2.0.0/16", { assignmentMode: "Manual" }),
      vxlanPool("other", "10.3.0.0/16", { nodeSelector: "rack == 'b'" }),
      vxlanPool("service", "10.4.0.0/16", { allowedUses: ["LoadBalancer"] }),
      vxlanPool("mine", "10.5.0.0/16", { nodeSelector: "!has(rack)" }),
    );
    await register(shared.open(), "alder", V4);
    expect(blocks(shared)).toEqual([expect.stringMatching(/^10\.5\.\d+\.\d+\/26 host:alder$/)]);
  });

  test("nothing, where its selector cannot be read, and goes on with the others", async () => {
    const shared = records(
      vxlanPool("bad", "10.1.0.0/16", { nodeSelector: "rack = 'b'" }),
      vxlanPool("good", "10.2.0.0/16"),
    );
    const found = await register(shared.open(), "alder", V4);
    expect(problems(found)[0]).toContain(
      'pool "bad": nothing is taken from it: IPPool "bad": spec.nodeSelector',
    );
    expect(node(shared).spec["ipv4VXLANTunnelAddr"]).toMatch(/^10\.2\./);
  });

  test("blocks of the size that it says", async () => {
    const shared = records(vxlanPool("a", "10.1.0.0/16", { blockSize: 24 }));
    await register(shared.open(), "alder", V4);
    expect(blocks(shared)).toEqual([expect.stringMatching(/\.0\/24 host:alder$/)]);
  });

  test("tunnel addresses only, where that is its use, one /32 at a time", async () => {
    const shared = records(
      vxlanPool("tunnels", "10.1.0.0/24", { allowedUses: ["Tunnel"], blockSize: 32 }),
      vxlanPool("pods", "10.2.0.0/16", { allowedUses: ["Workload"] }),
    );
    const found = await register(shared.open(), "alder", V4);
    expect(node(shared).spec["ipv4VXLANTunnelAddr"]).toMatch(/^10\.1\./);
    expect(found.podBlocks).toHaveLength(1);
    expect(found.blocks).toHaveLength(2);
    expect(await checkIpam(shared.open())).toEqual([]);
  });

  test("no more than maxBlocksPerHost, and nothing without autoAllocateBlocks", async () => {
    const config = (spec: Readonly<Record<string, unknown>>): RecordValue => ({
      apiVersion: "projectcalico.org/v3",
      kind: "IPAMConfig",
      metadata: { name: "default" },
      spec,
    });
    const shared = records(
      vxlanPool("a", "10.1.0.0/16"),
      vxlanPool("b", "10.2.0.0/16"),
      config({ maxBlocksPerHost: 1 }),
    );
    const found = await register(shared.open(), "alder", V4);
    expect(blocks(shared)).toHaveLength(1);
    expect(problems(found)).toEqual([
      'pool "b": no further block is claimed: maxBlocksPerHost is 1',
    ]);
    put(shared, config({ autoAllocateBlocks: false }));
    const birch = await register(shared.open(), "birch", "192.0.2.11/26");
    expect(blocks(shared)).toHaveLength(1);
    expect(problems(birch)[0]).toBe('pool "a": no block is claimed: autoAllocateBlocks is off');
  });
});

test("registerNode goes on where a pool is full, and claims when a block is free again", async () => {
  const shared = records(
    vxlanPool("small", "10.1.0.0/26"),
    pool("large", "10.2.0.0/16", { ipipMode: "Always" }),
  );
  const store = shared.open();
  await register(store, "alder", V4);
  const birch = await register(store, "birch", "192.0.2.11/26");
  expect(problems(birch)).toEqual([
    'pool "small": no block of 10.1.0.0/26 is left for this node (blocks of /26)',
  ]);
  expect([...birch.full]).toEqual(["small"]);
  expect(node(shared, "birch").spec).toMatchObject({ bgp: { ipv4Address: "192.0.2.11/26" } });
  expect(node(shared, "birch").spec).not.toHaveProperty("ipv4VXLANTunnelAddr");
  expect(await checkIpam(store)).toEqual([]);
  put(shared, vxlanPool("small", "10.1.0.0/25"));
  expect(problems(await register(store, "birch", "192.0.2.11/26"))).toEqual([]);
  expect(node(shared, "birch").spec).toHaveProperty("ipv4VXLANTunnelAddr");
  expect(await checkIpam(store)).toEqual([]);
});

describe("registerNode, when a pool changes,", () => {
  test("takes and gives back tunnel addresses with the encapsulation", async () => {
    const shared = records(vxlanPool("a", "10.1.0.0/16"));
    const store = shared.open();
    await register(store, "alder", V4);
    put(shared, pool("a", "10.1.0.0/16", { ipipMode: "Always" }));
    await register(store, "alder", V4);
    expect(node(shared).spec).not.toHaveProperty("ipv4VXLANTunnelAddr");
    expect(node(shared).spec["bgp"]).toHaveProperty("ipv4IPIPTunnelAddr");
    expect(await checkIpam(store)).toEqual([]);
    put(shared, pool("a", "10.1.0.0/16"));
    await register(store, "alder", V4);
    expect(node(shared).spec["bgp"]).toEqual({ ipv4Address: V4 });
    expect(shared.all("IPAMHandle")).toEqual([]);
    expect(await checkIpam(store)).toEqual([]);
  });

  test("keeps what it has from a pool that is disabled", async () => {
    const shared = records(vxlanPool("a", "10.1.0.0/16"));
    const store = shared.open();
    await register(store, "alder", V4);
    const before = node(shared);
    put(shared, vxlanPool("a", "10.1.0.0/16", { disabled: true }), vxlanPool("b", "10.2.0.0/16"));
    await register(store, "alder", V4);
    expect(node(shared)).toEqual(before);
    expect(blocks(shared)).toHaveLength(2);
  });
});

describe("registerNode brings to an end", () => {
  const interrupted = async (change: (shared: SharedRecords) => void): Promise<SharedRecords> => {
    const shared = records(vxlanPool("a", "10.1.0.0/16"));
    await register(shared.open(), "alder", V4);
    change(shared);
    await register(shared.open(), "alder", V4);
    expect(await checkIpam(shared.open())).toEqual([]);
    expect(blocks(shared)).toHaveLength(1);
    return shared;
  };
  const remove = (shared: SharedRecords, kind: "IPAMBlock" | "BlockAffinity" | "IPAMHandle") => {
    for (const { value, revision } of shared.all(kind)) {
      shared.remove(kind, value.metadata.name, revision);
    }
  };

  test("a claim without its block", async () => {
    await interrupted((shared) => {
      remove(shared, "IPAMBlock");
      const [affinity] = shared.all("BlockAffinity");
      const { value } = affinity as { value: RecordValue };
      put(shared, { ...value, spec: { ...value.spec, state: "pending" } });
    });
  });

  test("a claim that was not confirmed, and one that was to be given up", async () => {
    for (const state of ["pending", "pendingDeletion"]) {
      await interrupted((shared) => {
        const { value } = shared.all("BlockAffinity")[0] as { value: RecordValue };
        put(shared, { ...value, spec: { ...value.spec, state } });
      });
    }
  });

  test("a block whose affinity is lost", async () => {
    await interrupted((shared) => remove(shared, "BlockAffinity"));
  });

  test("an address without its handle, and a handle that counts too many", async () => {
    await interrupted((shared) => remove(shared, "IPAMHandle"));
    await interrupted((shared) => {
      const { value } = shared.all("IPAMHandle")[0] as { value: RecordValue };
      const [cidr] = Object.keys(value.spec["block"] as object);
      put(shared, { ...value, spec: { ...value.spec, block: { [cidr as string]: 3 } } });
    });
  });

  test("a record that lost its tunnel address: it is the same again", async () => {
    const shared = await interrupted((all) => {
      const { ipv4VXLANTunnelAddr: _, ...rest } = node(all).spec;
      put(all, { ...node(all), spec: rest });
    });
    expect(node(shared).spec).toHaveProperty("ipv4VXLANTunnelAddr");
  });

  test("a claim on a block that another node has", async () => {
    const shared = records(vxlanPool("a", "10.1.0.0/16"));
    await register(shared.open(), "alder", V4);
    const { value } = shared.all("BlockAffinity")[0] as { value: RecordValue };
    const { cidr } = value.spec;
    put(shared, {
      ...value,
      metadata: { name: `birch-${String(cidr).replace(/[./]/g, "-")}` },
      spec: { ...value.spec, node: "birch", state: "pending" },
    });
    await register(shared.open(), "birch", "192.0.2.11/26");
    expect(await checkIpam(shared.open())).toEqual([]);
    expect(blocks(shared)).toHaveLength(2);
  });
});

describe("registerNode, where another machine is registered under its name,", () => {
  const taken = async (): Promise<SharedRecords> => {
    const shared = records(vxlanPool("a", "10.1.0.0/16"));
    await register(shared.open(), "alder", V4);
    const annotations = { "causeway/machine": "another" };
    put(shared, { ...node(shared), metadata: { name: "alder", annotations } });
    return shared;
  };

  test("takes the record over if nobody answers: the machine was installed anew", async () => {
    const shared = await taken();
    await register(shared.open(), "alder", "192.0.2.20/26");
    expect(node(shared)).toMatchObject({
      metadata: { annotations: { "causeway/machine": "machine of alder" } },
      spec: { bgp: { ipv4Address: "192.0.2.20/26" } },
    });
    expect(await checkIpam(shared.open())).toEqual([]);
  });

  test("leaves everything to it if its agent answers", async () => {
    const shared = await taken();
    const before = node(shared);
    shared.onWrite = (_, __, value) => {
      if (value?.metadata.annotations?.["causeway/roll-call"] === undefined) return;
      shared.onWrite = () => {};
      queueMicrotask(() => put(shared, before));
    };
    const found = await register(shared.open(), "alder", "192.0.2.20/26");
    expect(problems(found)).toEqual([
      "node alder: another machine is registered under this name, and its agent lives",
    ]);
    expect(node(shared)).toEqual(before);
  });

  test("gives way to one that is faster", async () => {
    const shared = records(vxlanPool("a", "10.1.0.0/16"));
    const store = shared.open();
    const annotations = { "causeway/machine": "another" };
    const slow = { ...store, get: store.get.bind(store), list: store.list.bind(store) };
    const late = {
      ...slow,
      url: "",
      create: async (value: RecordValue) => {
        if (value.kind === "Node") {
          put(shared, { ...value, metadata: { name: "alder", annotations } });
        }
        return store.create(value);
      },
      update: store.update.bind(store),
      delete: store.delete.bind(store),
      close: store.close.bind(store),
    };
    await expect(register(late, "alder", V4)).rejects.toThrow("another machine was first");
    expect(node(shared).metadata.annotations).toEqual(annotations);
  });
});

test("registerNode reads a block that Calico wrote in its older form", async () => {
  const shared = records(vxlanPool("a", "10.1.0.0/26"));
  await register(shared.open(), "alder", V4);
  const { value } = shared.all("IPAMBlock")[0] as { value: RecordValue };
  const { affinity: _, ...spec } = value.spec;
  put(shared, { ...value, spec: { ...spec, hostAffinity: "alder" } });
  expect((await register(shared.open(), "alder", V4)).problems).toEqual([]);
});
