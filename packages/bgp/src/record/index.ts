/** What passes on a speaker's connections, for who writes it down. */
export { type ConnectionObserver, type Observe, observedTransport } from "./observed-transport.ts";
export { packetsOf } from "./tcp-packets.ts";
