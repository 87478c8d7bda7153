/**
 * Keys of Calico's network configuration that Ocicat accepts without effect, each with the reason. The list is Calico's own
 * (its plugin's NetConf); a nested key is written with its parents.
 */
const AGENT = "the agent's configuration rules";
const DATASTORE = "the agent holds the connection to the datastore";
const LOG = "the agent writes the log";
const POLICY = "the agent programs policy, and ADD answers after it";
const WINDOWS = "for Windows only";

export const KEYS_WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  datastore_type: DATASTORE,
  etcd_endpoints: DATASTORE,
  etcd_discovery_srv: DATASTORE,
  etcd_scheme: DATASTORE,
  etcd_authority: DATASTORE,
  etcd_key_file: DATASTORE,
  etcd_cert_file: DATASTORE,
  etcd_ca_cert_file: DATASTORE,
  kubernetes: DATASTORE,
  calico_api_group: DATASTORE,
  qps: DATASTORE,
  burst: DATASTORE,
  log_level: LOG,
  log_file_path: LOG,
  log_file_max_size: LOG,
  log_file_max_age: LOG,
  log_file_max_count: LOG,
  "policy.k8s_api_root": DATASTORE,
  "policy.k8s_auth_token": DATASTORE,
  "policy.k8s_client_certificate": DATASTORE,
  "policy.k8s_client_key": DATASTORE,
  "policy.k8s_certificate_authority": DATASTORE,
  policy_setup_timeout_seconds: POLICY,
  endpoint_status_dir: POLICY,
  nodename: AGENT,
  nodename_file: AGENT,
  nodename_file_optional: AGENT,
  hostname: AGENT,
  readiness_gates: "the agent answers when it is ready, and says so when it is not",
  require_mtu_file: "the agent knows the MTU",
  ipam_lock_file: "the agent allocates for the whole node, so there is nobody to lock out",
  include_default_routes: "the container always has its default route",
  num_queues: "the container's interface has one queue",
  "feature_control.ip_addrs_no_ipam": "addresses come from IP pools, which the nodes route",
  mode: WINDOWS,
  vxlan_mac_prefix: WINDOWS,
  vxlan_vni: WINDOWS,
  windows_pod_deletion_timestamp_timeout: WINDOWS,
  windows_use_single_network: WINDOWS,
  windows_disable_default_deny_all_policy: WINDOWS,
  windows_loopback_DSR: WINDOWS,
  ipMasq: "natOutgoing of the IP pool decides",
  "ipam.name": AGENT,
  "ipam.subnet": "addresses come from IP pools; name one in ipam.ipv4_pools",
  "args.org.apache.mesos": "Mesos is not supported",
  "runtimeConfig.portMappings": "the portmap plugin reads it",
  "runtimeConfig.bandwidth": "the bandwidth plugin reads it",
};

const UNKNOWN = "not a key of this plugin";

export interface KeyWithoutEffect {
  readonly key: string;
  readonly why: string;
}

/** The reason for each key that was not read. */
export function explainKeys(keys: readonly string[]): KeyWithoutEffect[] {
  return keys.map((key) => ({
    key,
    why: Object.hasOwn(KEYS_WITHOUT_EFFECT, key) ? (KEYS_WITHOUT_EFFECT[key] ?? UNKNOWN) : UNKNOWN,
  }));
}
