import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type ConfigInputs, loadConfig } from "../../../src/config/load-config.ts";
import { CausewayError } from "../../../src/errors.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
  const path = join(directory, "config.yaml");
  writeFileSync(path, text);
  return path;
}

function load(inputs: Partial<ConfigInputs>, required: readonly string[] = []) {
  return loadConfig({ flags: {}, env: {}, configFile: undefined, ...inputs }, required);
}

function faults(inputs: Partial<ConfigInputs>, required: readonly string[] = []): string[] {
  try {
    load(inputs, required);
  } catch (error) {
    if (error instanceof CausewayError && error.code === "bad-config") {
      return error.message.split("\n");
    }
    throw error;
  }
  return [];
}

describe("loadConfig", () => {
  test("takes the flag, else the variable, else the file, else the default", () => {
    const flags = { node: "flag" };
    const env = { CAUSEWAY_NODE: "variable" };
    const configFile = file("node: file");
    const source = (inputs: Partial<ConfigInputs>): unknown => load(inputs).sources.get("node");
    expect(source({ flags, env, configFile })).toEqual({ value: "flag", source: "--node" });
    expect(source({ env, configFile })).toEqual({ value: "variable", source: "CAUSEWAY_NODE" });
    expect(source({ configFile })).toEqual({ value: "file", source: configFile });
    expect(source({})).toEqual({ value: hostname(), source: "default" });
  });

  test("says nothing of registering where nobody asked, and what was asked where somebody did", () => {
    expect(load({}).config).toMatchObject({ register: undefined, nodeAddress: {} });
    const env = { CAUSEWAY_REGISTER: "false", CAUSEWAY_NODE_REACHES: "192.0.2.1" };
    const flags = { register: true, nodeInterface: "eth0", nodeCidr: "192.0.2.0/24" };
    expect(load({ env }).config).toMatchObject({
      register: false,
      nodeAddress: { reaches: "192.0.2.1" },
    });
    const { register, nodeAddress } = load({ env, flags }).config;
    expect(register).toBe(true);
    expect(nodeAddress.interfaces).toEqual(/^(?:eth0)$/);
    expect(String(nodeAddress.cidrs)).toBe("192.0.2.0/24");
  });

  test("says nothing of what a secret is", () => {
    const [fault, ...others] = faults({ configFile: file("etcdPassword: 271828") });
    expect(fault).toMatch(/config\.yaml:1: etcdPassword: must be a text$/);
    expect(others).toEqual([]);
  });

  test("gives the calculation what was set here alone, each with its source", () => {
    const inputs = {
      flags: { vxlanMtu: "1400" },
      env: { CAUSEWAY_ROUTE_SOURCE6: "2001:db8::1", CAUSEWAY_VXLAN_MTU6: "1380" },
      configFile: file("routeRefreshInterval: 2m\nipipEnabled: false\nvxlanVni: 4097\n"),
    };
    const { overlay, overlaySources } = load(inputs).config;
    expect(JSON.parse(JSON.stringify(overlay))).toEqual({
      vxlanMtu: 1400,
      vxlanMtu6: 1380,
      vxlanVni: 4097,
      ipipEnabled: false,
      routeSource6: "2001:db8::1",
      routeRefreshInterval: 120_000,
    });
    expect(overlaySources).toEqual({
      vxlanMtu: "--vxlan-mtu",
      vxlanMtu6: "CAUSEWAY_VXLAN_MTU6",
      vxlanVni: inputs.configFile,
      ipipEnabled: inputs.configFile,
      routeSource6: "CAUSEWAY_ROUTE_SOURCE6",
      routeRefreshInterval: inputs.configFile,
    });
    expect(load({}).config.overlay).toEqual({});
  });

  test("takes an empty variable for none, and an empty file for one that says nothing", () => {
    expect(load({ env: { CAUSEWAY_NODE: "" } }).config.node).toBe(hostname());
    for (const text of ["", "# nothing\n", "---\n", "null\n"]) {
      expect(load({ configFile: file(text) }).config.node).toBe(hostname());
    }
  });

  test.each([
    ["vxlanVni: 0", 'vxlanVni "0": must be a whole number from 1 to 16777215'],
    ["vxlanPort: 65536", 'vxlanPort "65536": must be a whole number from 1 to 65535'],
    ["vxlanMtu: 1400.5", 'vxlanMtu "1400.5": must be a whole number from 0 to 65535'],
    ["takeOver: yes", 'takeOver "yes": must be true or false'],
    ["node:", 'node "null": must be a text'],
    ["node: ''", 'node "": must not be empty'],
    ["node: 3", 'node "3": must be a text'],
    ["logLevel: trace", 'logLevel "trace": must be debug, info, warn or error'],
    ["routeSource: 2001:db8::1", 'routeSource "2001:db8::1": must be an IPv4 address'],
    ["routeSource6: eth0", 'routeSource6 "eth0": must be an IPv6 address'],
    ["routeRefreshInterval: -1", 'routeRefreshInterval "-1": must be a time such as "90s"'],
    ["vxlanmtu: 1", "vxlanmtu: no such setting; did you mean vxlanMtu?"],
  ])("refuses %s with file and line", (line, fault) => {
    const configFile = file(`runDir: /x\n${line}\n`);
    const [found = "", ...others] = faults({ configFile });
    expect(found.slice(0, `${configFile}:2: ${fault}`.length)).toBe(`${configFile}:2: ${fault}`);
    expect(others).toEqual([]);
  });

  test("names all settings where an unknown one is like none of them", () => {
    const [fault] = faults({ configFile: file("bogus: /x\n") });
    expect(fault).toMatch(/bogus: no such setting; the settings are node, datastore, .*takeOver/);
  });

  test("refuses a key that is there twice", () => {
    const configFile = file("node: a\nnode: b\n");
    expect(faults({ configFile })).toEqual([
      `${configFile}:2:1: not YAML: Map keys must be unique`,
    ]);
  });

  test("lists every fault of every source at once", () => {
    const inputs = {
      flags: { vxlanPort: "x" },
      env: { CAUSEWAY_VXLAN_VNI: "y", CAUSEWAY_VXLAN_MTU_6: "1300" },
      configFile: file("ipipMtu: z\nlogLevle: info\n"),
    };
    expect(faults(inputs, ["datastore"]).map((fault) => fault.split(/:| "/)[0])).toEqual([
      inputs.configFile,
      "CAUSEWAY_VXLAN_MTU_6",
      "no datastore",
      "CAUSEWAY_VXLAN_VNI",
      "--vxlan-port",
      inputs.configFile,
    ]);
  });

  test("leaves alone the variables that Kubernetes makes for a service of our name", () => {
    const env = {
      CAUSEWAY_SERVICE_HOST: "192.0.2.1",
      CAUSEWAY_SERVICE_PORT: "80",
      CAUSEWAY_PORT: "tcp://192.0.2.1:80",
      CAUSEWAY_PORT_80_TCP: "tcp://192.0.2.1:80",
      CAUSEWAY_PORT_80_TCP_ADDR: "192.0.2.1",
      CAUSEWAY_PORT_80_TCP_PORT: "80",
      CAUSEWAY_PORT_80_TCP_PROTO: "tcp",
    };
    expect(faults({ env })).toEqual([]);
  });

  test("says nothing about settings that the command has no use for", () => {
    const inputs = {
      env: { CAUSEWAY_VXLAN_VNI: "y", CAUSEWAY_NODEE: "x", CAUSEWAY_RUN_DIR: "/here" },
      names: ["runDir"],
    };
    expect(load({ ...inputs, configFile: file("bogus: /x\n") }).config.runDir).toBe("/here");
    expect(faults({ env: { CAUSEWAY_VXLAN_VNI: "y" } })).toHaveLength(1);
  });
});
