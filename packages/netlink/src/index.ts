export { type Acknowledgement, acknowledgement } from "./acknowledgement.ts";
export { AttributeWriter } from "./attribute-writer.ts";
export { type Attribute, Attributes } from "./attributes.ts";
export * from "./constants.ts";
export { messagesIn, type NetlinkMessage } from "./message.ts";
export { MessageWriter } from "./message-writer.ts";
export type { AttributeSink } from "./sink.ts";
