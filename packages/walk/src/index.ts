export { decodeFrame, type LinkType } from "./frame/decode.ts";
export { describeFrame, errorWords } from "./frame/describe.ts";
export type { Header, HeaderName, Layer } from "./frame/layer.ts";
export {
  leastSize,
  type MadeProbe,
  makeProbe,
  type Probe,
  type ProbeOptions,
  type ProbeProtocol,
} from "./probe/probe.ts";
export { mayConcern } from "./probe/traces.ts";
export { stepPlace, stepText, storyText } from "./say/text.ts";
export { findRoute } from "./story/lookup.ts";
export type { LinkSettings, Place, PlaceState, RouteReason, SeenFrame, WalkRecord } from "./story/record.ts";
export { answeredIn } from "./story/sightings.ts";
export type * from "./story/story.ts";
export { tellStory } from "./story/tell.ts";
