export { type AttributeSink, Attributes, MessageWriter } from "./attributes.ts";
export * from "./constants.ts";
export { messagesIn, type NetlinkMessage } from "./message.ts";
