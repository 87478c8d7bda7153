export { Attributes, type AttributeSink, MessageWriter } from "./attributes.ts";
export { messagesIn, type NetlinkMessage } from "./message.ts";
export * from "./constants.ts";
