/** Records as an operator writes them. */

export type Manifest = Readonly<Record<string, unknown>> & {
  readonly kind: string;
  readonly metadata: { readonly name: string };
};

const apiVersion = "projectcalico.org/v3";

export function poolManifest(name: string, cidr: string, spec: object = {}): Manifest {
  return { apiVersion, kind: "IPPool", metadata: { name }, spec: { cidr, ...spec } };
}

export function nodeManifest(name: string, address: string, spec: object = {}): Manifest {
  const bgp = { ipv4Address: `${address}/24` };
  return { apiVersion, kind: "Node", metadata: { name }, spec: { bgp, ...spec } };
}

export function blockManifest(cidr: string, node: string, spec: object = {}): Manifest {
  const metadata = { name: cidr.replace(/[.:/]/g, "-") };
  return {
    apiVersion,
    kind: "IPAMBlock",
    metadata,
    spec: { cidr, affinity: `host:${node}`, ...spec },
  };
}
