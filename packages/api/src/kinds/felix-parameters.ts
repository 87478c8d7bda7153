import {
  accept,
  address,
  addressOrNetwork,
  choice,
  choiceIgnoringCase,
  defaulted,
  dscp,
  duration,
  type Field,
  flag,
  integer,
  interfaceName,
  list,
  map,
  matching,
  object,
  optional,
  type Presence,
  portRange,
  regex,
  required,
  type Schema,
  text,
} from "../schema/index.ts";

/** One setting of the agent. */
export interface Parameter<T, Standard extends T | undefined = T | undefined, P extends Presence = Presence> {
  /** Where Calico's documentation has it. */
  readonly section: string;
  /** What holds where it is not set anywhere. */
  readonly standard: Standard;
  /** Whether setting it changes anything yet. Those that do not are told to whoever sets them. */
  readonly effect: boolean;
  readonly field: Field<T, P>;
}

interface Section {
  <T>(schema: Schema<T>): Parameter<T, undefined, "optional">;
  <T>(schema: Schema<T>, standard: NoInfer<T>): Parameter<T, T, "optional">;
}

function section(name: string): Section {
  function parameter<T>(schema: Schema<T>, given?: T): Parameter<T, T | undefined, "optional"> {
    const standard = given === undefined ? undefined : canonical(schema, given);
    // Empty text is Go's zero value: the same as none, where the parameter has no use for it.
    const field = { ...optional(schema), standard, unstored: "" as T };
    return { section: name, standard, effect: false, field };
  }
  return parameter;
}

/** So that a standard can be written as people say it (90s) and compared as it is stored (1m30s). */
function canonical<T>(schema: Schema<T>, value: T): T {
  if (schema.type !== "scalar") return value;
  const checked = schema.check(value);
  if (!checked.ok) throw new TypeError(`${String(value)} is not ${schema.expects}`);
  return checked.value;
}

/** The agent honours it. */
function inEffect<T, S extends T | undefined, P extends Presence>(parameter: Parameter<T, S, P>): Parameter<T, S, P> {
  return { ...parameter, effect: true };
}

/** Calico writes this value into the resource where none is given. */
function storedAs<T, S extends T | undefined>(parameter: Parameter<T, S>, value: T): Parameter<T, S, "default"> {
  return { ...parameter, field: defaulted(parameter.field.schema, value) };
}

const bpf = section("Dataplane: eBPF");
const aws = section("AWS integration");
const common = section("Dataplane: Common");
const debug = section("Debug/test-only");
const features = section("Process: Feature detection/overrides");
const flowLogs = section("Flow logs: file reports");
const goRuntime = section("Process: Go runtime");
const health = section("Process: Health port and timeouts");
const ipip = section("Overlay: IP-in-IP");
const iptables = section("Dataplane: iptables");
const logging = section("Process: Logging");
const nftables = section("Dataplane: nftables");
const openstack = section("Dataplane: OpenStack support");
const prometheus = section("Process: Prometheus metrics");
const usage = section("Usage reporting");
const vxlan = section("Overlay: VXLAN overlay");
const windows = section("Dataplane: Windows");
const wireguard = section("Overlay: Wireguard");
const xdp = section("Dataplane: XDP acceleration for iptables dataplane");

const severity = choiceIgnoringCase("Trace", "Debug", "Info", "Warning", "Error", "Fatal");
const enabled = choiceIgnoringCase("Enabled", "Disabled");
const acceptReturn = choiceIgnoringCase("Accept", "Return");
const dropReject = choiceIgnoringCase("Drop", "Reject");
const portNumber = integer(0, 65_535);
const mtu = integer(0, 65_535);
const count = integer(0, 2_147_483_647);
const priority = integer(1, 2_147_483_646);
const markMask = integer(0, 0xffff_ffff);
const path = text("a path");
const networks = list(addressOrNetwork());
const pairs = matching("a list of name=value, parted by commas", "pairs", /^(?:[\w-]+=[^=,]*(?:,[\w-]+=[^=,]*)*)?$/);
const interfaceFilter = matching(
  "an interface name, or a prefix and '+'",
  "interface-name",
  /^[a-zA-Z0-9:._+-]{1,15}$/,
);

const protocolPort = (protocol: "tcp" | "udp", port: number) => ({ protocol, port });
const failsafePorts = list(
  object(
    {
      protocol: required(choiceIgnoringCase("tcp", "udp", "sctp", "icmp", "icmpv6")),
      port: required(portNumber),
      net: optional(addressOrNetwork(), ""),
    },
    { protocol: "The protocol.", port: "The destination port.", net: "Only with addresses of this range." },
  ),
);
const FAILSAFE_TCP = [179, 2379, 2380, 5473, 6443, 6666, 6667].map((port) => protocolPort("tcp", port));

const tableRange = object(
  { min: required(integer(1, 0xffff_ffff)), max: required(integer(1, 0xffff_ffff)) },
  { min: "The first table.", max: "The last table." },
);

const healthTimeout = object(
  { name: required(text()), timeout: required(duration()) },
  { name: "A part of the agent.", timeout: "How long it may be silent before it counts as ill." },
);

/** A duration, or "Auto" for the kernel's own setting. */
const conntrackTimeout = text('a duration such as 40s, or "Auto"', (value) =>
  value === "Auto" ? accept(value) : duration().check(value),
);

const conntrackTimeouts = object(
  {
    creationGracePeriod: optional(conntrackTimeout),
    tcpSynSent: optional(conntrackTimeout),
    tcpEstablished: optional(conntrackTimeout),
    tcpFinsSeen: optional(conntrackTimeout),
    tcpResetSeen: optional(conntrackTimeout),
    udpTimeout: optional(conntrackTimeout),
    genericTimeout: optional(conntrackTimeout),
    icmpTimeout: optional(conntrackTimeout),
  },
  {
    creationGracePeriod: "How long a new entry is kept at least.",
    tcpSynSent: "How long a TCP connection may take to open.",
    tcpEstablished: "How long an open TCP connection may be silent.",
    tcpFinsSeen: "How long an entry stays after both ends have closed.",
    tcpResetSeen: "How long an entry stays after a reset.",
    udpTimeout: "How long a UDP flow may be silent.",
    genericTimeout: "How long a flow of another protocol may be silent.",
    icmpTimeout: "How long an ICMP exchange may be silent.",
  },
);

/**
 * Every parameter that a FelixConfiguration may set, in the order in which Calico stores them. To make one effective:
 * use it in the agent, and wrap its line in inEffect().
 */
export const felixParameters = {
  useInternalDataplaneDriver: common(flag(), true),
  dataplaneDriver: common(path, "calico-iptables-plugin"),
  dataplaneWatchdogTimeout: common(duration(), "90s"),
  ipv6Support: common(flag(), true),
  routeRefreshInterval: inEffect(common(duration(), "90s")),
  interfaceRefreshInterval: common(duration(), "90s"),
  iptablesRefreshInterval: iptables(duration(), "180s"),
  iptablesPostWriteCheckInterval: iptables(duration(), "5s"),
  iptablesLockProbeInterval: iptables(duration(), "50ms"),
  featureDetectOverride: inEffect(features(pairs)),
  featureGates: features(pairs),
  ipsetsRefreshInterval: iptables(duration(), "90s"),
  maxIpsetSize: iptables(count, 1_048_576),
  iptablesBackend: iptables(choiceIgnoringCase("Auto", "Legacy", "NFT"), "Auto"),
  xdpRefreshInterval: xdp(duration(), "90s"),
  netlinkTimeout: common(duration(), "10s"),
  metadataAddr: openstack(text("an address or a host name"), "127.0.0.1"),
  metadataPort: openstack(portNumber, 8775),
  openstackRegion: openstack(matching("a DNS label", "name", /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/)),
  interfacePrefix: inEffect(
    common(
      matching("interface name prefixes, parted by commas", "interface-name", /^[\w.-]{1,15}(?:,[\w.-]{1,15})*$/),
      "cali",
    ),
  ),
  interfaceExclude: common(text("interface names or /patterns/, parted by commas"), "kube-ipvs0"),
  chainInsertMode: common(choiceIgnoringCase("Insert", "Append"), "Insert"),
  defaultEndpointToHostAction: inEffect(common(choiceIgnoringCase("Drop", "Accept", "Return"), "Drop")),
  iptablesFilterAllowAction: iptables(acceptReturn, "Accept"),
  iptablesMangleAllowAction: iptables(acceptReturn, "Accept"),
  iptablesFilterDenyAction: iptables(dropReject, "Drop"),
  logPrefix: inEffect(logging(text(), "calico-packet")),
  logActionRateLimit: logging(
    matching("a rate such as 10/second", "rate", /^[1-9]\d{0,3}\/(?:second|minute|hour|day)$/),
  ),
  logActionRateLimitBurst: logging(integer(0, 9999), 5),
  logFilePath: logging(path, "/var/log/calico/felix.log"),
  logSeverityFile: logging(severity, "Info"),
  logSeverityScreen: inEffect(logging(severity, "Info")),
  logSeveritySys: logging(severity, "Info"),
  logDebugFilenameRegex: logging(regex()),
  ipipEnabled: ipip(flag()),
  ipipMTU: inEffect(ipip(mtu, 0)),
  vxlanEnabled: vxlan(flag()),
  vxlanMTU: inEffect(vxlan(mtu, 0)),
  vxlanMTUV6: inEffect(vxlan(mtu, 0)),
  vxlanPort: inEffect(vxlan(portNumber, 4789)),
  vxlanVNI: inEffect(vxlan(integer(1, 0xff_ffff), 4096)),
  allowVXLANPacketsFromWorkloads: inEffect(common(flag(), false)),
  allowIPIPPacketsFromWorkloads: inEffect(common(flag(), false)),
  reportingInterval: openstack(duration(), "30s"),
  reportingTTL: openstack(duration(), "90s"),
  endpointReportingEnabled: openstack(flag(), false),
  endpointReportingDelay: openstack(duration(), "1s"),
  endpointStatusPathPrefix: common(path, "/var/run/calico"),
  iptablesMarkMask: iptables(markMask, 0xffff_0000),
  disableConntrackInvalidCheck: common(flag(), false),
  healthEnabled: inEffect(health(flag(), false)),
  healthHost: inEffect(health(text("an address or a host name"), "localhost")),
  healthPort: inEffect(health(portNumber, 9099)),
  healthTimeoutOverrides: health(list(healthTimeout)),
  prometheusMetricsEnabled: inEffect(prometheus(flag(), false)),
  prometheusMetricsHost: inEffect(prometheus(text("an address or a host name"))),
  prometheusMetricsPort: inEffect(prometheus(portNumber, 9091)),
  prometheusGoMetricsEnabled: prometheus(flag(), true),
  prometheusProcessMetricsEnabled: prometheus(flag(), true),
  prometheusWireGuardMetricsEnabled: prometheus(flag(), true),
  prometheusMetricsCAFile: prometheus(path),
  prometheusMetricsCertFile: prometheus(path),
  prometheusMetricsKeyFile: prometheus(path),
  prometheusMetricsClientAuth: prometheus(
    choice("NoClientCert", "RequireAnyClientCert", "RequireAndVerifyClientCert"),
    "NoClientCert",
  ),
  failsafeInboundHostPorts: inEffect(
    common(failsafePorts, [protocolPort("tcp", 22), protocolPort("udp", 68), ...FAILSAFE_TCP]),
  ),
  failsafeOutboundHostPorts: inEffect(
    common(failsafePorts, [protocolPort("udp", 53), protocolPort("udp", 67), ...FAILSAFE_TCP]),
  ),
  kubeNodePortRanges: iptables(list(portRange()), ["30000:32767"]),
  policySyncPathPrefix: common(path),
  usageReportingEnabled: usage(flag(), true),
  usageReportingInitialDelay: usage(duration(), "300s"),
  usageReportingInterval: usage(duration(), "86400s"),
  natPortRange: common(portRange()),
  natOutgoingAddress: common(address(4)),
  natOutgoingExclusions: inEffect(common(choiceIgnoringCase("IPPoolsOnly", "IPPoolsAndHostIPs"), "IPPoolsOnly")),
  deviceRouteSourceAddress: common(address(4)),
  deviceRouteSourceAddressIPv6: common(address(6)),
  deviceRouteProtocol: inEffect(common(integer(0, 255), 3)),
  removeExternalRoutes: common(flag(), true),
  programClusterRoutes: common(
    choice("Disabled", "EnabledIPIPOnly", "EnabledNoEncapOnly", "Enabled"),
    "EnabledIPIPOnly",
  ),
  ipForwarding: inEffect(common(enabled, "Enabled")),
  externalNodesList: common(networks),
  debugMemoryProfilePath: debug(path),
  debugDisableLogDropping: debug(flag(), false),
  debugSimulateCalcGraphHangAfter: debug(duration(), "0s"),
  debugSimulateDataplaneHangAfter: debug(duration(), "0s"),
  debugSimulateDataplaneApplyDelay: debug(duration(), "0s"),
  debugHost: debug(text("an address or a host name"), "localhost"),
  debugPort: debug(portNumber),
  iptablesNATOutgoingInterfaceFilter: iptables(interfaceFilter),
  sidecarAccelerationEnabled: common(flag(), false),
  xdpEnabled: xdp(flag(), true),
  genericXDPEnabled: xdp(flag(), false),
  nftablesMode: storedAs(common(choiceIgnoringCase("Auto", "Enabled", "Disabled"), "Auto"), "Auto"),
  nftablesRefreshInterval: inEffect(nftables(duration(), "180s")),
  nftablesFilterAllowAction: nftables(acceptReturn, "Accept"),
  nftablesMangleAllowAction: nftables(acceptReturn, "Accept"),
  nftablesFilterDenyAction: nftables(dropReject, "Drop"),
  nftablesMarkMask: nftables(markMask, 0xffff_0000),
  nftablesFlowTableOffload: common(choice("Disabled", "All"), "Disabled"),
  nftablesFlowTableDataIfacePattern: common(regex()),
  bpfEnabled: bpf(flag(), false),
  bpfDisableUnprivileged: bpf(flag(), true),
  bpfJITHardening: bpf(choice("Auto", "Strict"), "Auto"),
  bpfLogLevel: storedAs(bpf(choiceIgnoringCase("", "Off", "Info", "Debug"), "Off"), ""),
  bpfConntrackLogLevel: bpf(choiceIgnoringCase("Off", "Debug"), "Off"),
  bpfLogFilters: bpf(map(text("all, weps, heps or an interface name"), text("a pcap filter"))),
  bpfCTLBLogFilter: bpf(choiceIgnoringCase("all")),
  bpfDataIfacePattern: bpf(regex(), "^((en|wl|ww|sl|ib)[Popsx].*|(eth|wlan|wwan|bond).*)"),
  bpfL3IfacePattern: bpf(regex()),
  bpfConnectTimeLoadBalancingEnabled: bpf(flag()),
  bpfConnectTimeLoadBalancing: storedAs(bpf(choice("TCP", "Enabled", "Disabled"), "TCP"), "TCP"),
  bpfHostNetworkedNATWithoutCTLB: storedAs(bpf(choice("Enabled", "Disabled"), "Enabled"), "Enabled"),
  bpfExternalServiceMode: bpf(choiceIgnoringCase("Tunnel", "DSR"), "Tunnel"),
  bpfDSROptoutCIDRs: bpf(networks),
  bpfExtToServiceConnmark: bpf(integer(0, 0xffff_ffff), 0),
  bpfKubeProxyIptablesCleanupEnabled: bpf(flag(), true),
  bpfKubeProxyMinSyncPeriod: bpf(duration(), "1s"),
  bpfKubeProxyHealthzPort: bpf(portNumber, 10_256),
  bpfPSNATPorts: bpf(portRange(), "20000:29999"),
  bpfMapSizeNATFrontend: bpf(count, 65_536),
  bpfMapSizeNATBackend: bpf(count, 262_144),
  bpfMapSizeNATAffinity: bpf(count, 65_536),
  bpfMapSizeRoute: bpf(count, 262_144),
  bpfMapSizeConntrack: bpf(count, 512_000),
  bpfMapSizePerCpuConntrack: bpf(count, 0),
  bpfMapSizeConntrackCleanupQueue: bpf(count, 100_000),
  bpfMapSizeConntrackScaling: bpf(choiceIgnoringCase("Disabled", "DoubleIfFull"), "DoubleIfFull"),
  bpfMapSizeIPSets: bpf(count, 1_048_576),
  bpfMapSizeIfState: bpf(count, 1000),
  bpfMaglevMaxServices: bpf(count, 100),
  bpfMaglevMaxEndpointsPerService: bpf(count, 100),
  bpfHostConntrackBypass: bpf(flag(), false),
  bpfEnforceRPF: bpf(choiceIgnoringCase("Disabled", "Strict", "Loose"), "Loose"),
  bpfPolicyDebugEnabled: bpf(flag(), true),
  bpfForceTrackPacketsFromIfaces: bpf(list(interfaceFilter), ["docker+"]),
  bpfDisableGROForIfaces: bpf(regex()),
  bpfExcludeCIDRsFromNAT: bpf(networks),
  bpfRedirectToPeer: bpf(choice("Disabled", "Enabled", "L2Only"), "Enabled"),
  bpfOverlayHostSourceIP: bpf(choice("HostAddress", "TunnelAddress"), "TunnelAddress"),
  bpfAttachType: bpf(choiceIgnoringCase("Netkit", "TCX", "TC"), "Netkit"),
  bpfExportBufferSizeMB: bpf(count, 1),
  bpfIPFragTimeout: bpf(duration(), "0s"),
  bpfIPFragmentReassemblyEnabled: bpf(flag(), true),
  bpfProfiling: bpf(enabled, "Disabled"),
  bpfConntrackMode: bpf(choiceIgnoringCase("Auto", "Userspace", "BPFProgram"), "Auto"),
  bpfConntrackTimeouts: bpf(conntrackTimeouts, {
    creationGracePeriod: "10s",
    tcpSynSent: "20s",
    tcpEstablished: "1h0m0s",
    tcpFinsSeen: "Auto",
    tcpResetSeen: "40s",
    udpTimeout: "1m0s",
    genericTimeout: "10m0s",
    icmpTimeout: "5s",
  }),
  routeSource: common(choiceIgnoringCase("CalicoIPAM", "WorkloadIPs"), "CalicoIPAM"),
  routeTableRanges: common(list(tableRange)),
  routeTableRange: common(tableRange),
  routeSyncDisabled: common(flag(), false),
  ipv4NormalRoutePriority: common(priority, 1024),
  ipv4ElevatedRoutePriority: common(priority, 512),
  ipv6NormalRoutePriority: common(priority, 1024),
  ipv6ElevatedRoutePriority: common(priority, 512),
  liveMigrationRouteConvergenceTime: common(duration(), "30s"),
  localSubnetL2Reachability: common(choice("Disabled", "PodsAndLoadBalancers"), "Disabled"),
  localSubnetL2ReachabilityRefreshInterval: common(duration(), "120s"),
  wireguardEnabled: wireguard(flag(), false),
  wireguardEnabledV6: wireguard(flag(), false),
  wireguardThreadingEnabled: wireguard(flag(), false),
  wireguardListeningPort: wireguard(integer(1, 65_535), 51_820),
  wireguardListeningPortV6: wireguard(integer(1, 65_535), 51_821),
  wireguardRoutingRulePriority: wireguard(integer(1, 32_765), 99),
  wireguardInterfaceName: wireguard(interfaceName(), "wireguard.cali"),
  wireguardInterfaceNameV6: wireguard(interfaceName(), "wg-v6.cali"),
  wireguardMTU: wireguard(mtu, 0),
  wireguardMTUV6: wireguard(mtu, 0),
  wireguardHostEncryptionEnabled: wireguard(flag(), false),
  wireguardKeepAlive: wireguard(duration(), "0s"),
  awsSrcDstCheck: aws(choice("DoNothing", "Enable", "Disable"), "DoNothing"),
  serviceLoopPrevention: inEffect(common(choiceIgnoringCase("Drop", "Reject", "Disabled"), "Drop")),
  workloadSourceSpoofing: inEffect(common(choiceIgnoringCase("Disabled", "Any"), "Disabled")),
  mtuIfacePattern: common(regex(), "^((en|wl|ww|sl|ib)[Pcopsvx].*|(eth|wlan|wwan).*)"),
  requireMTUFile: common(flag(), false),
  cgroupV2Path: common(path),
  istioAmbientMode: common(enabled, "Disabled"),
  istioDSCPMark: common(dscp(), 23),
  floatingIPs: storedAs(common(choice("Enabled", "Disabled"), "Disabled"), "Disabled"),
  windowsManageFirewallRules: windows(enabled, "Disabled"),
  goGCThreshold: goRuntime(integer(-1), 40),
  goMemoryLimitMB: goRuntime(integer(-1), -1),
  goMaxProcs: goRuntime(integer(-1), -1),
  flowLogsCollectorDebugTrace: flowLogs(flag(), false),
  flowLogsFlushInterval: flowLogs(duration(), "300s"),
  flowLogsGoldmaneServer: flowLogs(text("an address")),
  flowLogsLocalReporter: inEffect(flowLogs(enabled, "Disabled")),
  flowLogsPolicyEvaluationMode: flowLogs(choice("Continuous", "None"), "Continuous"),
};

export type FelixParameters = typeof felixParameters;
export type FelixParameterName = keyof FelixParameters;
