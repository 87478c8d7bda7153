/**
 * A shell script that makes a node's rules what Calico leaves: Felix's over nftables, and beside them Felix's over iptables, as
 * nodes have that were upgraded; rules of others between them; none of Ocicat's. `known`: pods' interfaces.
 */
export function calicoRules(known: readonly string[]): string {
  const verdicts = known.map((name) => `"${name}" : goto filter-cali-fw`).join(", ");
  return `
    nft list tables | grep ocicat | while read _ family name; do nft delete table $family $name; done
    nft -f - <<'RULES'
      table ip calico {
        set cali40all-ipam-pools { type ipv4_addr; flags interval; elements = { 10.244.0.0/16, 192.168.0.0/16 } }
        map filter-cali-from-wl-dispatch { type ifname : verdict; elements = { ${verdicts} } }
        chain filter-cali-fw { accept; }
        chain filter-cali-unknown { drop; }
        chain filter-FORWARD {
          type filter hook forward priority filter; policy accept;
          iifname "cali*" iifname vmap @filter-cali-from-wl-dispatch
          iifname "cali*" jump filter-cali-unknown
        }
        chain nat-POSTROUTING {
          type nat hook postrouting priority srcnat; policy accept;
          ip saddr @cali40all-ipam-pools ip daddr != @cali40all-ipam-pools masquerade
        }
      }
      table inet mine {
        chain forward { type filter hook forward priority 10; policy accept; }
      }
RULES
    iptables -N cali-FORWARD
    iptables -N cali-from-wl-dispatch
    iptables -N DOCKER-USER
    iptables -A FORWARD -j DOCKER-USER
    iptables -I FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
    iptables -A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m mark --mark 0x10000/0x10000 -j ACCEPT
    iptables -A cali-FORWARD -m comment --comment "cali:8ZoYfO5HKXWbB3pk" -i cali+ -j cali-from-wl-dispatch
    ${known.map((name) => `iptables -A cali-from-wl-dispatch -i ${name} -j RETURN`).join("\n")}
    iptables -A cali-from-wl-dispatch -m comment --comment "Unknown interface" -j DROP
    iptables -t nat -N cali-nat-outgoing
    iptables -t nat -A POSTROUTING -m comment --comment "cali:O3lYWMrLQYEMJtB5" -j cali-nat-outgoing
    iptables -t nat -A cali-nat-outgoing -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE
  `;
}
