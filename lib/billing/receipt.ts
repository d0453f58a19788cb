import { type LineClass, type PriceLine, priceLines, priceUsage, type Rates } from "@/lib/billing/pricing";
import type { Usage } from "@/lib/billing/usage";
import type { Nano } from "@/lib/money";

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
