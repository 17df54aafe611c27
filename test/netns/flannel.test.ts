// An agent of ours and a node set up by hand, as flannel sets it up, in one flannel network: each knows of the other
// what flannel's own store says, and they exchange packets over flannel.1.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { programFile } from "../../src/demo/agent-process.ts";
import { probePaths } from "../../src/demo/probe.ts";
import { eventually } from "../support/cluster.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { baseOf, FlannelLab, hostOf, type Told } from "../support/flannel-lab.ts";
import { kubeconfigOf } from "../support/joined-cluster.ts";
import { ApiServer } from "../support/kubernetes/api-server.ts";

const NETWORK = { Network: "10.5.0.0/16", Backend: { Type: "vxlan" } };
const PREFIX = "/coreos.com/network";
const CEDAR_MAC = "82:4b:b6:2f:54:4e";
const CEDAR_SUBNET = "10.5.52.0/24";

function skipWithoutRoot(context: { skip: (reason: string) => void }): void {
  if (process.getuid?.() !== 0) context.skip("needs root");
}

/** As `etcdctl get` prints it, by key. */
async function keysOf(server: EtcdServer): Promise<Map<string, string>> {
  const text = await server.ctl("get", "--prefix", `${PREFIX}/subnets/`);
  const lines = text.trim().split("\n");
  const pairs = lines.flatMap((line, at) => (at % 2 === 0 ? [[line, lines[at + 1] ?? ""]] : []));
  return new Map(pairs as [string, string][]);
}

describe("a flannel network in etcd", () => {
  let server: EtcdServer;
  let lab: FlannelLab;
  let alderSubnet: string;
  /** What cedar knows of alder. */
  let alder: Told;
  let pods: { alder: string; cedar: string };

  async function putLease(subnet: string, mac: string): Promise<void> {
    const granted = await server.ctl("lease", "grant", "86400");
    const [, lease = ""] = /lease (\w+) granted/.exec(granted) ?? [];
    const value = {
      PublicIP: lab.cedar.publicIp,
      PublicIPv6: null,
      BackendType: "vxlan",
      BackendData: { VNI: 1, VtepMAC: mac },
    };
    const key = `${PREFIX}/subnets/${subnet.replace("/", "-")}`;
    await server.ctl("put", key, JSON.stringify(value), `--lease=${lease}`);
  }

  beforeAll(async () => {
    if (process.getuid?.() !== 0) return;
    server = await EtcdServer.start();
    lab = await FlannelLab.build(Number(server.endpoint.split(":")[1]));
    await server.ctl("put", `${PREFIX}/config`, JSON.stringify(NETWORK));
    await putLease(CEDAR_SUBNET, CEDAR_MAC);
    lab.startAgent(`flannel+etcd://${server.endpoint}`, []);
    await lab.joined();
  }, 60_000);
  beforeEach(skipWithoutRoot);
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test("has a lease of our node that flannel can read, under an etcd lease of a day", async () => {
    const keys = await keysOf(server);
    const [key = "", value = ""] =
      [...keys].find(([, text]) => text.includes(lab.alder.publicIp)) ?? [];
    const [, base, length] =
      /^\/coreos\.com\/network\/subnets\/(10\.5\.\d+\.0)-(24)$/.exec(key) ?? [];
    alderSubnet = `${base}/${length}`;
    expect(value).toMatch(
      /^\{"PublicIP":"192\.0\.2\.10","PublicIPv6":null,"BackendType":"vxlan","BackendData":\{"VNI":1,"VtepMAC":"[0-9a-f:]{17}"\}\}$/,
    );
    const leases = (await server.ctl("lease", "list")).trim().split("\n").slice(1);
    const told = await Promise.all(
      leases.map((id) => server.ctl("lease", "timetolive", id, "--keys")),
    );
    expect(told.find((text) => text.includes(key))).toMatch(/granted with TTL\(86400s\)/);
    expect(lab.subnetEnv()).toEqual({
      FLANNEL_NETWORK: "10.5.0.0/16",
      FLANNEL_SUBNET: `${hostOf(alderSubnet, 1)}/24`,
      FLANNEL_MTU: "1450",
      FLANNEL_IPMASQ: "false",
    });
  });

  test("has the device that flannel would make", async () => {
    const shown = await lab.ip("alder", "-d", "link", "show", "flannel.1");
    expect(shown).toMatch(/mtu 1450/);
    expect(shown).toMatch(/vxlan id 1 local 192\.0\.2\.10 dev eth0 .*dstport 8472 nolearning/);
    const address = await lab.ip("alder", "-4", "-o", "address", "show", "dev", "flannel.1");
    expect(address).toContain(` ${baseOf(alderSubnet)}/32 `);
    const status = await lab.agent.status();
    expect(status.registration?.blocks).toEqual([alderSubnet]);
    expect(status.counts.devices).toEqual({ wanted: 1, inKernel: 1 });
    const causeway = [process.execPath, programFile()];
    const { runDir, datastore } = lab.agent.options;
    const show = [...causeway, "show", "devices", "--json", "--run-dir", runDir];
    expect(JSON.parse(await lab.exec("alder", ...show))).toMatchObject({
      devices: [{ name: "flannel.1", address: `${baseOf(alderSubnet)}/32`, state: "ok" }],
    });
    // Another agent that starts now would know its lease, and find nothing to do.
    const plan = [...causeway, "plan", "--exit-code", "--node", "alder", "--datastore", datastore];
    expect(await lab.exec("alder", ...plan)).toMatch(/^# .*\n# nothing to do/);
  });

  test("carries packets both ways over flannel.1, from pods and from the nodes", async () => {
    const [, value = ""] =
      [...(await keysOf(server))].find(([, text]) => text.includes(lab.alder.publicIp)) ?? [];
    const { PublicIP, BackendData } = JSON.parse(value);
    const device = { name: "flannel.1", local: lab.cedar.publicIp, mac: CEDAR_MAC, mtu: 1450 };
    await lab.makeDevice("cedar", { ...device, subnet: CEDAR_SUBNET });
    alder = { publicIp: PublicIP, mac: BackendData.VtepMAC, subnet: alderSubnet };
    await lab.addLease("cedar", "flannel.1", alder);
    const mtu = Number(lab.subnetEnv()["FLANNEL_MTU"]);
    pods = {
      alder: await lab.addPod("alder", [alderSubnet], mtu),
      cedar: await lab.addPod("cedar", [CEDAR_SUBNET], mtu),
    };
    await assertExchange(lab, pods, alderSubnet, CEDAR_SUBNET, 1450);
  });

  test("follows a MAC that changes, and then a subnet", async () => {
    const mac = "82:00:00:00:00:77";
    await lab.ip("cedar", "link", "set", "flannel.1", "address", mac);
    // A device that changes its MAC forgets its neighbours.
    await lab.addLease("cedar", "flannel.1", alder);
    await putLease(CEDAR_SUBNET, mac);
    await eventually(async () => {
      const rows = await lab.exec("alder", "bridge", "fdb", "show", "dev", "flannel.1");
      expect(rows.trim().split("\n")).toEqual([
        expect.stringContaining(`${mac} dst ${lab.cedar.publicIp} `),
      ]);
    });
    await lab.joined();
    await assertAnswers(lab, pods.alder, hostOf(alderSubnet, 2), hostOf(CEDAR_SUBNET, 2));

    const other = "10.5.99.0/24";
    await server.ctl("del", `${PREFIX}/subnets/${CEDAR_SUBNET.replace("/", "-")}`);
    await putLease(other, mac);
    await eventually(async () => {
      const routes = await lab.ip("alder", "route", "show", "proto", "202");
      expect(routes.match(/10\.5\.\d+\.0\/\d+/g)).toEqual([other]);
    });
    const neighbours = await lab.ip("alder", "neigh", "show", "dev", "flannel.1");
    expect(neighbours.trim().split("\n")).toEqual([
      expect.stringMatching(`^${baseOf(other)} lladdr ${mac} PERMANENT`),
    ]);
    await lab.ip("cedar", "address", "add", `${baseOf(other)}/32`, "dev", "flannel.1");
    await lab.ip("cedar", "address", "add", `${hostOf(other, 1)}/24`, "dev", "cni0");
    await assertAnswers(lab, pods.alder, hostOf(alderSubnet, 2), hostOf(other, 1));
  });

  test("says that etcd is away, goes on forwarding, and joins again by itself", async () => {
    const before = await keysOf(server);
    await server.kill();
    // A link that changes lets it look after its lease.
    await lab.ip("alder", "address", "add", "198.51.100.1/32", "dev", "eth0");
    const isTold = /^not in the flannel network as it should be: .*its lease ends at 2/;
    await lab.agent.until(({ problems }) => problems.some(({ reason }) => isTold.test(reason)));
    await assertAnswers(lab, pods.alder, hostOf(alderSubnet, 2), hostOf("10.5.99.0/24", 1));
    await server.start();
    await lab.joined();
    expect(await keysOf(server)).toEqual(before);
  });

  test("keeps its lease over a restart, and over the loss of the key", async () => {
    const before = await keysOf(server);
    await lab.agent.end("SIGKILL");
    lab.agent.start();
    await lab.joined();
    await eventually(async () => expect(await keysOf(server)).toEqual(before));

    const links = await lab.ip("alder", "-o", "link", "show", "flannel.1");
    await server.ctl("del", `${PREFIX}/subnets/${alderSubnet.replace("/", "-")}`);
    await eventually(async () => expect(await keysOf(server)).toEqual(before));
    await lab.joined();
    expect(await lab.ip("alder", "-o", "link", "show", "flannel.1")).toBe(links);
  });
});

describe("a node on which flannel was stopped", () => {
  let server: EtcdServer;
  let lab: FlannelLab;

  beforeAll(async () => {
    if (process.getuid?.() !== 0) return;
    server = await EtcdServer.start();
    lab = await FlannelLab.build(Number(server.endpoint.split(":")[1]));
  });
  beforeEach(skipWithoutRoot);
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test("goes on with its subnet, its device and its MAC, and is cleaned up at last", async () => {
    const { alder, cedar } = lab;
    const mac = "82:00:00:00:00:10";
    const subnet = "10.5.7.0/24";
    const lease = (publicIp: string, vtepMac: string): string => {
      const BackendData = { VNI: 1, VtepMAC: vtepMac };
      const rest = { PublicIPv6: null, BackendType: "vxlan", BackendData };
      return JSON.stringify({ PublicIP: publicIp, ...rest });
    };
    await server.ctl("put", `${PREFIX}/config`, JSON.stringify(NETWORK));
    await server.ctl("put", `${PREFIX}/subnets/10.5.7.0-24`, lease(alder.publicIp, mac));
    await server.ctl("put", `${PREFIX}/subnets/10.5.52.0-24`, lease(cedar.publicIp, CEDAR_MAC));
    const device = { name: "flannel.1", local: alder.publicIp, mac, subnet, mtu: 1450 };
    await lab.makeDevice("alder", device);
    const told = { publicIp: cedar.publicIp, mac: CEDAR_MAC, subnet: CEDAR_SUBNET };
    await lab.addLease("alder", "flannel.1", told);
    const link = await lab.ip("alder", "-o", "link", "show", "flannel.1");

    const datastore = `flannel+etcd://${server.endpoint}`;
    lab.startAgent(datastore, []);
    const { registration, takenOver } = await lab.joined();
    expect(registration?.blocks).toEqual([subnet]);
    expect(takenOver).toHaveLength(1);
    expect(await lab.ip("alder", "-o", "link", "show", "flannel.1")).toBe(link);
    const routes = await lab.ip("alder", "route", "show", CEDAR_SUBNET);
    expect(routes).toMatch(/^10\.5\.52\.0\/24 nhid .* dev flannel\.1 proto 202/);
    expect(routes.trim().split("\n")).toHaveLength(1);

    await lab.agent.end("SIGTERM");
    const cleanup = [process.execPath, programFile(), "cleanup"];
    const runDir = ["--run-dir", lab.agent.options.runDir];
    const without = await lab.exec("alder", ...cleanup, ...runDir, "--dry-run");
    expect(without).not.toContain("link delete");
    await lab.exec("alder", ...cleanup, ...runDir, "--datastore", datastore);
    await expect(lab.ip("alder", "link", "show", "flannel.1")).rejects.toThrow("does not exist");
  });
});

describe("a flannel network in Kubernetes, of both families", () => {
  const cedarSubnets = ["10.5.52.0/24", "fd00:5:52::/64"] as const;
  const alderSubnets = ["10.5.1.0/24", "fd00:5:1::/64"] as const;
  const cedarMac6 = "82:4b:b6:2f:54:06";
  const prefix = "flannel.alpha.coreos.com/";
  let server: ApiServer;
  let lab: FlannelLab;

  function addNode(name: string, podCIDRs: readonly string[], annotations: object): void {
    const conditions = [{ type: "Ready", status: "True" }];
    server.store.create("v1 nodes", {
      metadata: { name, annotations },
      spec: { podCIDR: podCIDRs[0], podCIDRs },
      status: { conditions },
    });
  }

  const annotationsOf = (name: string): Record<string, string> =>
    (server.store.get("v1 nodes", name)?.metadata["annotations"] ?? {}) as Record<string, string>;

  beforeAll(async () => {
    if (process.getuid?.() !== 0) return;
    server = await ApiServer.start();
    lab = await FlannelLab.build(server.port);
    const network = { ...NETWORK, EnableIPv6: true, IPv6Network: "fd00:5::/32" };
    server.store.create("v1 configmaps", {
      metadata: { name: "kube-flannel-cfg" },
      data: { "net-conf.json": JSON.stringify(network) },
    });
    addNode("alder", alderSubnets, { "example.com/kept": "yes" });
    addNode("cedar", cedarSubnets, {
      [`${prefix}kube-subnet-manager`]: "true",
      [`${prefix}backend-type`]: "vxlan",
      [`${prefix}backend-data`]: JSON.stringify({ VNI: 1, VtepMAC: CEDAR_MAC }),
      [`${prefix}public-ip`]: lab.cedar.publicIp,
      [`${prefix}backend-v6-data`]: JSON.stringify({ VNI: 1, VtepMAC: cedarMac6 }),
      [`${prefix}public-ipv6`]: lab.cedar.publicIp6,
    });
    const kubeconfig = join(lab.files, "kubeconfig");
    writeFileSync(kubeconfig, stringify(kubeconfigOf(server)), { mode: 0o600 });
    lab.startAgent("flannel+kubernetes:", ["--kubeconfig", kubeconfig]);
    await lab.joined();
  }, 60_000);
  beforeEach(skipWithoutRoot);
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  test("has our node with the annotations that flannel parses", () => {
    const data = expect.stringMatching(/^\{"VNI":1,"VtepMAC":"[0-9a-f:]{17}"\}$/);
    expect(annotationsOf("alder")).toEqual({
      "example.com/kept": "yes",
      [`${prefix}kube-subnet-manager`]: "true",
      [`${prefix}backend-type`]: "vxlan",
      [`${prefix}backend-data`]: data,
      [`${prefix}public-ip`]: lab.alder.publicIp,
      [`${prefix}backend-v6-data`]: data,
      [`${prefix}public-ipv6`]: lab.alder.publicIp6,
    });
    expect(server.store.get("v1 nodes", "alder")?.["status"]).toMatchObject({
      conditions: [
        { type: "Ready", status: "True" },
        { type: "NetworkUnavailable", status: "False" },
      ],
    });
    expect(lab.subnetEnv()).toEqual({
      FLANNEL_NETWORK: "10.5.0.0/16",
      FLANNEL_SUBNET: "10.5.1.1/24",
      FLANNEL_IPV6_NETWORK: "fd00:5::/32",
      FLANNEL_IPV6_SUBNET: "fd00:5:1::1/64",
      FLANNEL_MTU: "1430",
      FLANNEL_IPMASQ: "false",
    });
  });

  test("carries packets both ways over flannel.1 and flannel-v6.1", async () => {
    const annotations = annotationsOf("alder");
    const macIn = (name: string): string => JSON.parse(annotations[name] ?? "{}").VtepMAC;
    const { cedar, alder } = lab;
    const four = { name: "flannel.1", local: cedar.publicIp, mac: CEDAR_MAC, mtu: 1450 };
    const six = { name: "flannel-v6.1", local: cedar.publicIp6, mac: cedarMac6, mtu: 1430 };
    await lab.makeDevice("cedar", { ...four, subnet: cedarSubnets[0] });
    await lab.makeDevice("cedar", { ...six, subnet: cedarSubnets[1] });
    const mac = macIn(`${prefix}backend-data`);
    const mac6 = macIn(`${prefix}backend-v6-data`);
    await lab.addLease("cedar", "flannel.1", {
      publicIp: alder.publicIp,
      mac,
      subnet: alderSubnets[0],
    });
    const told6 = { publicIp: alder.publicIp6, mac: mac6, subnet: alderSubnets[1] };
    await lab.addLease("cedar", "flannel-v6.1", told6);
    const mtu = Number(lab.subnetEnv()["FLANNEL_MTU"]);
    const pods = {
      alder: await lab.addPod("alder", alderSubnets, mtu),
      cedar: await lab.addPod("cedar", cedarSubnets, mtu),
    };
    await assertExchange(lab, pods, alderSubnets[1], cedarSubnets[1], mtu);
    await assertExchange(lab, pods, alderSubnets[0], cedarSubnets[0], mtu);
  });

  test("gets its annotations back when somebody takes them away, and nothing changes here", async () => {
    const links = await lab.ip("alder", "-o", "link", "show", "flannel.1");
    const before = annotationsOf("alder");
    const node = server.store.get("v1 nodes", "alder");
    if (node === undefined) throw new RangeError("no alder");
    const metadata = { ...node.metadata, annotations: { "example.com/kept": "yes" } };
    server.store.update("v1 nodes", { ...node, metadata }, undefined);
    await eventually(() => expect(annotationsOf("alder")).toEqual(before));
    await lab.joined();
    expect(await lab.ip("alder", "-o", "link", "show", "flannel.1")).toBe(links);
  });

  test("names a node of another backend, and has no route to it", async () => {
    const node = server.store.get("v1 nodes", "cedar");
    if (node === undefined) throw new RangeError("no cedar");
    const annotations = { ...annotationsOf("cedar"), [`${prefix}backend-type`]: "host-gw" };
    server.store.update(
      "v1 nodes",
      { ...node, metadata: { ...node.metadata, annotations } },
      undefined,
    );
    await eventually(async () => {
      const { datastore } = await lab.agent.status();
      expect(datastore.faults).toMatchObject([{ what: 'Node "cedar"', severity: "warning" }]);
    });
    await eventually(async () =>
      expect(await lab.ip("alder", "route", "show", "proto", "202")).toBe(""),
    );
  });
});

/** Up to the largest packet, and a stream, from pod to pod; the nodes themselves have their subnet's first address. */
async function assertExchange(
  lab: FlannelLab,
  pods: { alder: string; cedar: string },
  alder: string,
  cedar: string,
  mtu: number,
): Promise<void> {
  const ends = [
    [pods.alder, hostOf(alder, 2), hostOf(cedar, 2)],
    [pods.cedar, hostOf(cedar, 2), hostOf(alder, 2)],
    ["alder", baseOf(alder), hostOf(cedar, 2)],
    ["cedar", baseOf(cedar), hostOf(alder, 2)],
  ] as const;
  const paths = ends.map(([name, source, target]) => {
    return { namespace: lab.namespace(name), source, target };
  });
  const probes = await probePaths(paths, 1500);
  expect(probes.map(({ largest, reason }) => ({ largest, reason }))).toEqual(
    paths.map(() => ({ largest: mtu, reason: undefined })),
  );
  expect(await lab.tcpEcho(pods.alder, pods.cedar, hostOf(cedar, 2))).toBe("same");
  expect(await lab.tcpEcho(pods.cedar, pods.alder, hostOf(alder, 2))).toBe("same");
}

async function assertAnswers(
  lab: FlannelLab,
  name: string,
  source: string,
  target: string,
): Promise<void> {
  const [probe] = await probePaths([{ namespace: lab.namespace(name), source, target }], 1500);
  expect(probe).toMatchObject({ largest: 1450, reason: undefined });
}
