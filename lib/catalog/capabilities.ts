/** What a model takes, gives and can do. A list that is absent is unknown, which excludes nothing. */
export const MODALITIES = ["text", "image", "audio", "video", "file"] as const;
export type Modality = (typeof MODALITIES)[number];

export const FEATURES = ["tools", "structured_output"] as const;
export type Feature = (typeof FEATURES)[number];

export type Capabilities = {
  input?: readonly Modality[] | undefined;
  output?: readonly Modality[] | undefined;
  features?: readonly Feature[] | undefined;
};

/** How long a call of an offer waits for its upstream, where that differs from what holds for all. */
export type OfferTimeouts = {
  connectMs?: number | undefined;
  /** Until the response begins. */
  firstByteMs?: number | undefined;
  /** Between two parts of it. */
  idleMs?: number | undefined;
  /** The whole call, other attempts included. */
  totalMs?: number | undefined;
};
