import { type LineClass, type PriceLine, priceLines, priceUsage, type Rates } from "@/lib/billing/pricing";
import type { Usage } from "@/lib/billing/usage";
import { formatUsd, type Nano } from "@/lib/money";

/** The arithmetic behind one charge, as text, so that it can cross to a browser, a mail or JSON.
 *  Amounts are nano-USD, rates nano-USD per 1,000,000 units, line amounts millionths of a nano-USD (exact). */
export type ReceiptData = {
  model: string;
  requestId: string;
  lines: ReceiptLine[];
  /** What of the lines is paid, in basis points; 10,000 where it is left out. Rounded up once, after it. */
  factorBp?: number;
  charged: string;
  held: string;
  released: string;
  price: { version: string; since: string };
};

export type ReceiptLine = {
  class: PriceLine["class"];
  ratedAs?: LineClass;
  units: number;
  rate: string;
  nanoMillionths: string;
};

type PricedCall = {
  model: string;
  requestId: string;
  usage: Usage;
  rates: Rates;
  held: Nano;
  price: ReceiptData["price"];
};

/** The receipt of a call at list price. Pure. */
export function receiptOf(call: PricedCall): ReceiptData {
  const charged = priceUsage(call.usage, call.rates);
  return {
    model: call.model,
    requestId: call.requestId,
    lines: priceLines(call.usage, call.rates).map((line) => ({
      ...line,
      rate: line.rate.toString(),
      nanoMillionths: line.nanoMillionths.toString(),
    })),
    charged: charged.toString(),
    held: call.held.toString(),
    released: (call.held - charged).toString(),
    price: call.price,
  };
}

/** What the lines of a call come to with its factor, exactly and rounded up once, as the APIs say it. Pure. */
export function arithmeticOf(usage: Usage, rates: Rates, factorBp: number) {
  const priced = priceLines(usage, rates);
  const exact = priced.reduce((total, { nanoMillionths }) => total + nanoMillionths, 0n) * BigInt(factorBp);
  return {
    exactNano: decimal(exact, 10),
    totalUsd: formatUsd(priceUsage(usage, rates, factorBp)),
    lines: priced.map((line) => ({
      class: line.class,
      ratedAs: line.ratedAs ?? null,
      units: line.units,
      usdPerMillion: formatUsd(line.rate),
      exactNano: decimal(line.nanoMillionths, 6),
    })),
  };
}

/** What a hold gave back once the call was charged; what was charged above it gives back nothing. */
export function releasedOf(held: Nano, charged: Nano | null): Nano {
  const left = held - (charged ?? 0n);
  return left > 0n ? left : 0n;
}

/** 1234500000n with 6 places -> "1234.5" */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, "0");
  const fraction = digits.slice(-places).replace(/0+$/, "");
  return digits.slice(0, -places) + (fraction && `.${fraction}`);
}
