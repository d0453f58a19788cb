import type { Rates } from "@/lib/billing/pricing";
import type { Clock } from "@/lib/clock";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import { openAIChat } from "@/lib/gateway/dialects/openai-chat/dialect";
import type { JsonObject } from "@/lib/gateway/json-body";
import { findProvider } from "@/lib/gateway/providers/registry";
import type { Candidate } from "@/lib/gateway/routing/candidates";
import { type HealthSharing, RouteHealth } from "@/lib/gateway/routing/health";
import type {
  PricedRates,
  SnapshotCredential,
  SnapshotModel,
  SnapshotOffer,
  SnapshotProvider,
} from "@/lib/gateway/snapshot";
import { parseUsd } from "@/lib/money";

/** Plain values that the gateway's unit tests start from; each test states only what it is about. */

/** Both clocks of a test move only when it says so. */
export function fakeClock(wallMs = Date.UTC(2026, 0, 1)): Clock & { advance(milliseconds: number): void } {
  let elapsed = 0;
  return {
    now: () => wallMs + elapsed,
    monotonic: () => elapsed,
    advance: (milliseconds) => {
      elapsed += milliseconds;
    },
  };
}

/** A node that is alone. */
export const SHARING: HealthSharing = { share() {}, claim: async () => 0, release() {}, disable() {} };

/** Of routes that nobody has called yet; what it finds out stays its own. */
export function makeHealth(clock: Clock = fakeClock()): RouteHealth {
  return new RouteHealth({ clock, random: () => 0.5 }, SHARING);
}

/** USD per million tokens. */
export function usdRates(usd: Record<string, string>): Rates {
  return Object.fromEntries(Object.entries(usd).map(([name, text]) => [name, parseUsd(text)]));
}

export function priced(usd: Record<string, string>, factorBp = 10_000, versionId = "1"): PricedRates {
  return { versionId, rates: usdRates(usd), factorBp };
}

export function makeProviderValue(given: Partial<SnapshotProvider> = {}): SnapshotProvider {
  const baseUrl = given.baseUrl ?? "https://api.example.com/v1";
  return {
    id: "prov_1",
    slug: "example",
    kind: "openai-compatible",
    baseUrl,
    region: null,
    credentials: [makeCredentialValue()],
    sealingOrigin: new URL(baseUrl).origin,
    ...given,
  };
}

export function makeCredentialValue(given: Partial<SnapshotCredential> = {}): SnapshotCredential {
  return {
    id: "cred_1",
    name: "one",
    weight: 100,
    rpm: null,
    tpm: null,
    sealed: "sealed",
    sealedOrigin: "https://api.example.com",
    ...given,
  };
}

export function makeOfferValue(given: Partial<SnapshotOffer> = {}): SnapshotOffer {
  return {
    id: "offer_1",
    provider: makeProviderValue(),
    upstreamModel: "upstream-model",
    priority: 0,
    weight: 100,
    cost: priced({ input: "0.5", output: "2" }, 10_000, "90"),
    ...{ capabilities: null, contextWindow: null, timeouts: null },
    ...given,
  };
}

export function makeModelValue(given: Partial<SnapshotModel> = {}): SnapshotModel {
  return {
    id: "example/chat",
    type: "chat",
    displayName: null,
    contextWindow: 100_000,
    maxOutputTokens: 4_096,
    capabilities: null,
    createdAt: new Date(0),
    price: priced({ input: "1", output: "4" }),
    orgPrices: new Map(),
    offers: [makeOfferValue()],
    ...given,
  };
}

export function makeCandidate(offer: SnapshotOffer = makeOfferValue()): Candidate {
  const definition = findProvider(offer.provider.kind);
  if (!definition) throw new Error(`no provider file for ${offer.provider.kind}`);
  return { definition, offer, credential: offer.provider.credentials?.[0] ?? null };
}

export function makeChat(body: JsonObject = {}, inputBytes?: number): Conversation {
  const whole = { model: "example/chat", messages: [{ role: "user", content: "hello" }], ...body };
  const bytes = inputBytes ?? Buffer.byteLength(JSON.stringify(whole));
  return { ...openAIChat.parse(structuredClone(whole), bytes, {}), dialect: openAIChat };
}
