/** From the configuration to what keeps this node in a flannel network. */
import type { Kernel } from "../../../tunnels/kernel/kernel.ts";
import type { Config } from "../../config/settings.ts";
import { parseEtcdUrl } from "../../datastore/etcd/access.ts";
import { EtcdClient } from "../../datastore/etcd/client.ts";
import type { OwnLease } from "../../datastore/flannel/own-lease.ts";
import { ApiClient } from "../../datastore/kubernetes/api-client.ts";
import { findAccess } from "../../datastore/kubernetes/open.ts";
import type { Logger } from "../../observe/log.ts";
import { EtcdJoin } from "./etcd-join.ts";
import type { JoinWay } from "./join-way.ts";
import { FlannelJoiner } from "./joiner.ts";
import { KubernetesJoin } from "./kubernetes-join.ts";
import { SubnetFile } from "./subnet-file.ts";

export interface OpenJoiner {
  readonly joiner: FlannelJoiner;
  readonly subnetFile: SubnetFile;
  readonly close: () => Promise<void>;
}

/** @throws CausewayError `bad-config` */
export function openJoiner(
  config: Config,
  own: OwnLease,
  kernel: Pick<Kernel, "readUnderlayRoutes">,
  log: Logger,
): OpenJoiner {
  const way = openWay(config);
  const subnetFile = new SubnetFile(config.subnetFile, log, () => {
    const { network, membership } = joiner;
    return network && membership && { network, subnets: membership.subnets };
  });
  const joiner = new FlannelJoiner({
    way,
    own,
    wish: config.nodeAddress,
    kernel,
    log,
    previous: () => subnetFile.previous(),
  });
  return { joiner, subnetFile, close: () => way.close() };
}

function openWay(config: Config): JoinWay {
  const { datastore, etcd, node, flannelConfig } = config;
  if (datastore.startsWith("flannel+etcd:")) {
    return new EtcdJoin(new EtcdClient(parseEtcdUrl(datastore, etcd)));
  }
  return new KubernetesJoin(new ApiClient(findAccess(config, process.env)), node, flannelConfig);
}
