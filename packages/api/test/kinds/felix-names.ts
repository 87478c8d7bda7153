/** The parameters of Calico v3.34-dev that a FelixConfiguration can set, by the section of its documentation. */
export const FELIX_NAMES: Readonly<Record<string, string>> = {
  "Process: Feature detection/overrides": `
    featureDetectOverride featureGates
  `,
  "Process: Go runtime": `
    goGCThreshold goMaxProcs goMemoryLimitMB
  `,
  "Process: Health port and timeouts": `
    healthEnabled healthHost healthPort healthTimeoutOverrides
  `,
  "Process: Logging": `
    logActionRateLimit logActionRateLimitBurst logDebugFilenameRegex logFilePath logPrefix logSeverityFile
    logSeverityScreen logSeveritySys
  `,
  "Process: Prometheus metrics": `
    prometheusGoMetricsEnabled prometheusMetricsCAFile prometheusMetricsCertFile prometheusMetricsClientAuth
    prometheusMetricsEnabled prometheusMetricsHost prometheusMetricsKeyFile prometheusMetricsPort
    prometheusProcessMetricsEnabled prometheusWireGuardMetricsEnabled
  `,
  "Dataplane: Common": `
    allowIPIPPacketsFromWorkloads allowVXLANPacketsFromWorkloads cgroupV2Path chainInsertMode dataplaneDriver
    dataplaneWatchdogTimeout defaultEndpointToHostAction deviceRouteProtocol deviceRouteSourceAddress
    deviceRouteSourceAddressIPv6 disableConntrackInvalidCheck endpointStatusPathPrefix externalNodesList
    failsafeInboundHostPorts failsafeOutboundHostPorts floatingIPs interfaceExclude interfacePrefix
    interfaceRefreshInterval ipForwarding ipv4ElevatedRoutePriority ipv4NormalRoutePriority
    ipv6ElevatedRoutePriority ipv6NormalRoutePriority ipv6Support istioAmbientMode istioDSCPMark
    liveMigrationRouteConvergenceTime localSubnetL2Reachability localSubnetL2ReachabilityRefreshInterval
    mtuIfacePattern natOutgoingAddress natOutgoingExclusions natPortRange netlinkTimeout
    nftablesFlowTableDataIfacePattern nftablesFlowTableOffload nftablesMode policySyncPathPrefix
    programClusterRoutes removeExternalRoutes requireMTUFile routeRefreshInterval routeSource routeSyncDisabled
    routeTableRange routeTableRanges serviceLoopPrevention sidecarAccelerationEnabled useInternalDataplaneDriver
    workloadSourceSpoofing
  `,
  "Dataplane: iptables": `
    ipsetsRefreshInterval iptablesBackend iptablesFilterAllowAction iptablesFilterDenyAction
    iptablesLockProbeInterval iptablesMangleAllowAction iptablesMarkMask iptablesNATOutgoingInterfaceFilter
    iptablesPostWriteCheckInterval iptablesRefreshInterval kubeNodePortRanges maxIpsetSize
  `,
  "Dataplane: nftables": `
    nftablesFilterAllowAction nftablesFilterDenyAction nftablesMangleAllowAction nftablesMarkMask
    nftablesRefreshInterval
  `,
  "Dataplane: eBPF": `
    bpfAttachType bpfCTLBLogFilter bpfConnectTimeLoadBalancing bpfConnectTimeLoadBalancingEnabled
    bpfConntrackLogLevel bpfConntrackMode bpfConntrackTimeouts bpfDSROptoutCIDRs bpfDataIfacePattern
    bpfDisableGROForIfaces bpfDisableUnprivileged bpfEnabled bpfEnforceRPF bpfExcludeCIDRsFromNAT
    bpfExportBufferSizeMB bpfExtToServiceConnmark bpfExternalServiceMode bpfForceTrackPacketsFromIfaces
    bpfHostConntrackBypass bpfHostNetworkedNATWithoutCTLB bpfIPFragTimeout bpfIPFragmentReassemblyEnabled
    bpfJITHardening bpfKubeProxyHealthzPort bpfKubeProxyIptablesCleanupEnabled bpfKubeProxyMinSyncPeriod
    bpfL3IfacePattern bpfLogFilters bpfLogLevel bpfMaglevMaxEndpointsPerService bpfMaglevMaxServices
    bpfMapSizeConntrack bpfMapSizeConntrackCleanupQueue bpfMapSizeConntrackScaling bpfMapSizeIPSets
    bpfMapSizeIfState bpfMapSizeNATAffinity bpfMapSizeNATBackend bpfMapSizeNATFrontend bpfMapSizePerCpuConntrack
    bpfMapSizeRoute bpfOverlayHostSourceIP bpfPSNATPorts bpfPolicyDebugEnabled bpfProfiling bpfRedirectToPeer
  `,
  "Dataplane: Windows": `
    windowsManageFirewallRules
  `,
  "Dataplane: OpenStack support": `
    endpointReportingDelay endpointReportingEnabled metadataAddr metadataPort openstackRegion reportingInterval
    reportingTTL
  `,
  "Dataplane: XDP acceleration for iptables dataplane": `
    genericXDPEnabled xdpEnabled xdpRefreshInterval
  `,
  "Overlay: VXLAN overlay": `
    vxlanEnabled vxlanMTU vxlanMTUV6 vxlanPort vxlanVNI
  `,
  "Overlay: IP-in-IP": `
    ipipEnabled ipipMTU
  `,
  "Overlay: Wireguard": `
    wireguardEnabled wireguardEnabledV6 wireguardHostEncryptionEnabled wireguardInterfaceName
    wireguardInterfaceNameV6 wireguardKeepAlive wireguardListeningPort wireguardListeningPortV6 wireguardMTU
    wireguardMTUV6 wireguardRoutingRulePriority wireguardThreadingEnabled
  `,
  "Flow logs: file reports": `
    flowLogsCollectorDebugTrace flowLogsFlushInterval flowLogsGoldmaneServer flowLogsLocalReporter
    flowLogsPolicyEvaluationMode
  `,
  "AWS integration": `
    awsSrcDstCheck
  `,
  "Debug/test-only": `
    debugDisableLogDropping debugHost debugMemoryProfilePath debugPort debugSimulateCalcGraphHangAfter
    debugSimulateDataplaneApplyDelay debugSimulateDataplaneHangAfter
  `,
  "Usage reporting": `
    usageReportingEnabled usageReportingInitialDelay usageReportingInterval
  `,
};
