import { expect, test } from "vitest";
import { makeCandidate, makeModelValue, makeOfferValue, makeProviderValue, priced } from "@/e2e/support/gateway-values";
import type { Chain, Link } from "@/lib/gateway/routing/chain";
import { narrowToHosts } from "@/lib/gateway/routing/hosts";
import type { PricedRates } from "@/lib/gateway/snapshot";

const withTools = (...names: string[]): PricedRates => {
  const { rates, ...rest } = priced({ input: "1", output: "4" });
  return { ...rest, rates: { ...rates, perToolCall: Object.fromEntries(names.map((name) => [name, 1n])) } };
};

type Given = { price?: PricedRates | null; orgPrice?: PricedRates; costs: (PricedRates | null)[]; kind?: string };

function link({ price = withTools("web_search"), orgPrice, costs, kind = "anthropic" }: Given): Link {
  const provider = makeProviderValue({ kind });
  const offers = costs.map((cost, at) => makeOfferValue({ id: `offer_${at}`, provider, cost }));
  const orgPrices = new Map(orgPrice ? [["org_1", orgPrice]] : []);
  return {
    model: makeModelValue({ price, orgPrices, offers }),
    plan: offers.map((offer) => [makeCandidate(offer)]),
    considered: offers.map((offer) => ({ offer, credential: null, score: null, credentialScore: null, reason: null })),
  };
}

const chain = (first: Given, ...others: Given[]): Chain => ({ links: [link(first), ...others.map(link)], leftOut: [] });
const narrowed = (given: Chain, names = ["web_search"]) =>
  narrowToHosts(given, { dialect: "anthropic-messages", names }, "org_1");
const called = ({ links }: Chain) => links.map(({ plan }) => plan.flat().map(({ offer }) => offer.id));

test("offers whose cost of a call is known stay, and the others are said to lack it", () => {
  const { hosted, ...rest } = narrowed(chain({ costs: [priced({ input: "1" }), withTools("web_search"), null] }));
  expect([...(hosted ?? [])]).toEqual(["web_search"]);
  expect(called(rest)).toEqual([["offer_1"]]);
  expect(rest.links[0].considered.map(({ offer, reason }) => [offer.id, reason])).toEqual([
    ["offer_1", null],
    ["offer_0", "lacks:hosted_tools"],
    ["offer_2", "lacks:hosted_tools"],
  ]);
});

test.each<[string, Given]>([
  ["the cost of a call", { costs: [priced({ input: "1" })] }],
  ["its price", { price: priced({ input: "1" }), costs: [withTools("web_search")] }],
  ["its price for this organisation", { orgPrice: priced({ input: "1" }), costs: [withTools("web_search")] }],
  ["any price", { price: null, costs: [withTools("web_search")] }],
  ["its price, whatever another tool costs", { price: withTools("web_fetch"), costs: [withTools("web_search")] }],
  ["the protocol at the upstream", { kind: "openai", costs: [withTools("web_search")] }],
])("without %s the tool is served nowhere, and everything stays as it was", (_what, given) => {
  const whole = chain(given);
  expect(narrowed(whole)).toBe(whole);
});

test("other models take over only where they run it too; the first that can be called decides", () => {
  const able = { costs: [withTools("web_search")] };
  const unable = { costs: [null] };
  expect(called(narrowed(chain(able, unable, able)))).toEqual([["offer_0"], [], ["offer_0"]]);
  expect(called(narrowed(chain(unable, able)))).toEqual([["offer_0"], ["offer_0"]]);
  expect(called(narrowed(chain({ costs: [] }, able, unable)))).toEqual([[], ["offer_0"], []]);
});

test("of several tools those are served that one candidate runs together", () => {
  const price = withTools("web_search", "web_fetch");
  const both = { price, costs: [withTools("web_fetch"), withTools("web_search"), price] };
  expect(called(narrowed(chain(both), ["web_search", "web_fetch"]))).toEqual([["offer_2"]]);
  const apart = { price, costs: [withTools("web_fetch"), withTools("web_search")] };
  const { hosted } = narrowed(chain(apart), ["web_search", "web_fetch"]);
  expect([...(hosted ?? [])]).toEqual(["web_search"]);
});
