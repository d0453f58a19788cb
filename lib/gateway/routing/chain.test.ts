import { expect, it } from "vitest";
import {
  makeCredentialValue,
  makeHealth,
  makeModelValue,
  makeOfferValue,
  makeProviderValue,
} from "@/e2e/support/gateway-values";
import { routeOf } from "@/lib/gateway/routing/candidates";
import { callable } from "@/lib/gateway/routing/chain";
import { takeHints } from "@/lib/gateway/routing/hints";

const at = (slug: string, credential: object = {}) =>
  makeOfferValue({ id: slug, provider: makeProviderValue({ slug, credentials: [makeCredentialValue(credential)] }) });
const elsewhere = { sealedOrigin: "https://elsewhere.example" };

const tryOf = (offers: ReturnType<typeof at>[], options: object) => {
  const model = makeModelValue({ offers });
  const base = { affinity: null, random: () => 0.5, health: makeHealth() };
  return callable({ links: [{ model, ...routeOf(model, { ...base, ...options }) }], leftOut: [] });
};

it("blames what was asked where nothing else is in the way", () => {
  const hints = takeHints({ provider: { only: ["c"] } });
  expect(() => tryOf([at("a"), at("b")], { hints })).toThrow("No provider of");
  expect(() => tryOf([at("a")], { unservable: () => "untranslatable:n" })).toThrow('"n" as given is not supported');
  expect(() => tryOf([at("a")], { unservable: () => "endpoint_not_served" })).toThrow("serves this endpoint");
});

it("does not where a candidate that could serve it is out of reach", () => {
  const hints = takeHints({ provider: { only: ["b"] } });
  expect(tryOf([at("a"), at("b", elsewhere)], { hints })).toEqual([]);
});
