import { parseRates, worstCase } from "@/lib/billing/pricing";

const rates = parseRates({ input: "250000000", cacheRead: "25000000", output: "2000000000" });

/** A call such as public pages show. Its amounts are never written down: they come from the functions that bill. */
export const EXAMPLE_CALL = {
  model: "openai/gpt-5-mini",
  requestId: "req_01k9s3v7qd8e2xw4m6n0pz5thq",
  usage: { input: 1204, cacheRead: 640, output: 311, reasoning: 128 },
  rates,
  held: worstCase({ inputTokens: 1904, outputTokens: 1024 }, rates),
  price: { version: "12", since: "2026-11-03" },
};
