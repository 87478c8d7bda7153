/**
 * Calico's rule of who dials: towards another Calico node whose address, as a string, sorts after our own, a node only
 * listens. So of any two nodes exactly one dials, the one whose string is larger, and connections never collide. It is the
 * strings that are compared: "10.0.0.10" sorts before "10.0.0.9".
 */
export function isPassive(localIp: string, peerIp: string): boolean {
  return peerIp > localIp;
}
