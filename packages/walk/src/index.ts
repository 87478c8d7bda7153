export { decodeFrame, type LinkType } from "./frame/decode.ts";
export { describeFrame, errorWords } from "./frame/describe.ts";
export type { Header, HeaderName, Layer } from "./frame/layer.ts";
