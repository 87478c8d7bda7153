import { run } from "../helpers.ts";

/**
 * A rule, and a datagram by the shell: one byte, to a port where nobody listens. The rule is old iptables': in user-mode Linux
 * nf_tables knows bridges only.
 */
export function logIn(name: string, group: number, prefix: string, port: number): void {
  const inside = (...command: string[]) => run("ip", "netns", "exec", name, ...command);
  const target = ["-j", "NFLOG", "--nflog-group", String(group), "--nflog-prefix", prefix];
  inside("ip", "link", "set", "lo", "up");
  inside("iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", String(port), ...target);
  inside("bash", "-c", `printf x >/dev/udp/127.0.0.1/${port}`);
}
