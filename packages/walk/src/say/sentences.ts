import type {
  CableStep,
  DeliveryStep,
  ForwardStep,
  FrameStep,
  Loss,
  NeighbourStep,
  Outcome,
  Reason,
  RouteMeaning,
  RouteStep,
  Story,
  StoryError,
  TranslationStep,
  TunnelStep,
} from "../story/story.ts";

type Say<T> = (about: T) => string;

/** Everything that is said, in one language. A language is complete, or it does not compile. */
export interface Sentences {
  readonly title: Say<Story>;
  readonly theRequest: string;
  readonly theReply: string;
  readonly route: Readonly<Record<RouteMeaning, Say<RouteStep>>>;
  /** Behind what is said of a route: why it is there. */
  readonly because: Say<string>;
  readonly neighbour: Say<NeighbourStep>;
  readonly frame: Say<FrameStep>;
  readonly cable: Say<CableStep>;
  readonly forward: Say<ForwardStep>;
  readonly tunnel: Readonly<Record<TunnelStep["step"], Readonly<Record<TunnelStep["mode"], Say<TunnelStep>>>>>;
  readonly translate: Say<TranslationStep>;
  readonly deliver: Say<DeliveryStep>;
  readonly error: Say<StoryError>;
  readonly outcome: Readonly<Record<Outcome, Say<Story>>>;
  /** Before the reasons: where it was seen last. */
  readonly lastSeen: Say<Loss>;
  readonly reasons: { readonly [R in Reason["reason"]]: Say<Extract<Reason, { readonly reason: R }>> };
  readonly partial: string;
}

/** Whether NAT changed an address on either way. */
export function isTranslated({ request, reply }: Story): boolean {
  return [...request, ...reply].some(({ step }) => step === "translate");
}
