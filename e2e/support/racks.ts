/** A segment with two nodes, a pod on each, and a router that speaks no BGP until a test starts its BIRD there. */
export const ONE_RACK = `
segments: [lan]
routers:
  - name: tor
    interfaces:
      - { segment: lan, address: 10.0.1.1/24 }
nodes:
  - { name: node1, segment: lan, address: 10.0.1.11/24, gateway: 10.0.1.1 }
  - { name: node2, segment: lan, address: 10.0.1.12/24, gateway: 10.0.1.1 }
datastore: node1
pools:
  - { name: plain, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: true }
pods:
  - { name: pod1, node: node1 }
  - { name: pod2, node: node2 }
`;

/** The same with a third node in a rack of its own, which the router joins: it knows the nodes and, unless it is told, no pod. */
export const TWO_RACKS = `
segments: [racka, rackb]
routers:
  - name: tor
    interfaces:
      - { segment: racka, address: 10.0.1.1/24 }
      - { segment: rackb, address: 10.0.2.1/24 }
nodes:
  - { name: node1, segment: racka, address: 10.0.1.11/24, gateway: 10.0.1.1 }
  - { name: node2, segment: racka, address: 10.0.1.12/24, gateway: 10.0.1.1 }
  - { name: node3, segment: rackb, address: 10.0.2.13/24, gateway: 10.0.2.1 }
datastore: node1
pools:
  - { name: plain, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: true }
pods:
  - { name: pod1, node: node1 }
  - { name: pod2, node: node2 }
  - { name: pod3, node: node3 }
`;
