import { NextIntlClientProvider } from "next-intl";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { Receipt } from "@/components/receipt/receipt";
import { type ReceiptData, receiptOf } from "@/lib/billing/receipt";
import { EXAMPLE_CALL } from "@/lib/billing/receipt-example";
import messages from "@/messages/en.json";

function textOf(receipt: ReceiptData, notCharged?: string): string {
  const html = renderToStaticMarkup(
    <NextIntlClientProvider locale="en" timeZone="UTC" messages={messages}>
      <Receipt receipt={receipt} notCharged={notCharged} />
    </NextIntlClientProvider>,
  );
  return html
    .replace(/<[^>]+>/g, "|")
    .replace(/\|+/g, "|")
    .replace(/\s+/g, " ");
}

describe("Receipt", () => {
  it("shows description, arithmetic and amount of each line, and the total", () => {
    const text = textOf(receiptOf(EXAMPLE_CALL));
    expect(text).toContain("|input|1,204 tok|× $0.25 /M|$0.000301|");
    expect(text).toContain("|cached|640 tok|× $0.025 /M|$0.000016|");
    expect(text).toContain("|charged|$0.001195|");
    expect(text).toContain("held $0.002524 · released $0.001329");
    expect(text).toContain("price v12, since Nov 3, 2026");
  });

  it("stamps a call that was not charged with the reason", () => {
    const free = receiptOf({ ...EXAMPLE_CALL, usage: {} });
    expect(textOf(free, "provider error")).toContain("|Not charged: provider error|$0.000000|");
  });

  it("names tools, seconds and pieces", () => {
    const text = textOf(
      receiptOf({
        ...EXAMPLE_CALL,
        usage: { milliseconds: 1250, requests: 1, toolCalls: { web_search: 2 } },
        rates: {
          perSecond: 6_000_000_000n,
          perRequest: 10_000_000_000_000n,
          perToolCall: { web_search: 5_000_000_000_000n },
        },
      }),
    );
    expect(text).toContain("|duration|1.25 s|× $0.006 /s|$0.007500|");
    expect(text).toContain("|requests|1|× $0.01 |$0.010000|");
    expect(text).toContain("|tool web_search|2|× $0.005 |$0.010000|");
  });
});
