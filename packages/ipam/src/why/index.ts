export { type AddressEvent, type AddressHistory, readHistory } from "./history.ts";
export type {
  AddressStory,
  StoryBlock,
  StoryContradiction,
  StoryHolder,
  StoryPool,
  StoryUse,
} from "./story.ts";
export { explainAddress, type WhyOptions } from "./why.ts";
