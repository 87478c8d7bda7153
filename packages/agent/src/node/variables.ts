/**
 * Variables of calico-node that people's manifests set and that change nothing here, each with the reason: nobody is to
 * wonder why. Felix's own, FELIX_…, are told of with the parameters.
 */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  WAIT_FOR_DATASTORE: "the agent always waits for its datastore, and says so",
  CALICO_MANAGE_CNI: "the plugin has no credentials that could expire: it asks the agent",
  CALICO_DISABLE_FILE_LOGGING: "the agent logs to standard output only",
  CALICO_STARTUP_LOGLEVEL: "the agent starts as it goes on: OCICAT_LOG_LEVEL",
  CALICO_EARLY_NETWORKING: "nodes with addresses on their loopback only are not supported",
  BGP_LOGSEVERITYSCREEN: "BGPConfiguration has logSeverityScreen",
  USE_POD_CIDR: "pods' addresses come from pools, not from the ranges that Kubernetes gives its nodes",
  ETCD_DISCOVERY_SRV: "endpoints are not looked up in DNS: ETCD_ENDPOINTS names them",
  SKIP_CNI_BINARIES: "install leaves plugins that are there",
  UPDATE_CNI_BINARIES: "install replaces its own when they are older",
  CNI_NET_DIR: "install has --net-dir",
  TYPHA_ADDR: "agents are served by ocicat fanout, not by Typha",
  FELIX_TYPHAADDR: "agents are served by ocicat fanout, not by Typha",
  FELIX_TYPHAK8SSERVICENAME: "agents are served by ocicat fanout, not by Typha",
};

/** Those that do what they say where they are not set, and need not be told of then. */
const AS_IT_IS: ReadonlySet<string> = new Set(["WAIT_FOR_DATASTORE=true", "CALICO_DISABLE_FILE_LOGGING=true"]);

export interface VariableWithoutEffect {
  readonly variable: string;
  readonly why: string;
}

export function variablesWithoutEffect(
  env: Readonly<Record<string, string | undefined>>,
): readonly VariableWithoutEffect[] {
  return Object.entries(WITHOUT_EFFECT)
    .filter(([variable]) => (env[variable] ?? "") !== "" && !AS_IT_IS.has(`${variable}=${env[variable]}`))
    .map(([variable, why]) => ({ variable, why }));
}
