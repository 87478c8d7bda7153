export { FakeNftables, type FakeNftSocket } from "./fake-nftables.ts";
export { FakeNftError } from "./refusal.ts";
