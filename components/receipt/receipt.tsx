import { useFormatter, useLocale, useTranslations } from "next-intl";
import { type Arithmetic, arithmeticOf, formatAmounts, lineNano, shortId } from "@/components/receipt/format";
import { ReceiptRow } from "@/components/receipt/receipt-row";
import { Badge } from "@/components/ui/badge";
import type { ReceiptData } from "@/lib/billing/receipt";
import { cn } from "@/lib/utils";

/** The signature of the product: what was counted, at which price, and the sum. `notCharged` is the reason why a call
 *  that failed cost nothing; it stamps the total. */
export function Receipt({
  receipt,
  notCharged,
  className,
}: {
  receipt: ReceiptData;
  notCharged?: string;
  className?: string;
}) {
  const t = useTranslations("receipt");
  const locale = useLocale();
  const format = useFormatter();
  const nanos = [...receipt.lines.map(lineNano), ...[receipt.charged, receipt.held, receipt.released].map(BigInt)];
  const amounts = formatAmounts(nanos, locale);
  const [charged, held, released] = amounts.slice(receipt.lines.length);
  const arithmetic = receipt.lines.map((line) => arithmeticOf(line, locale));
  const { factorBp = 10_000 } = receipt;
  const percent =
    factorBp === 10_000 ? null : new Intl.NumberFormat(locale, { maximumFractionDigits: 2 }).format(factorBp / 100);
  const rateLength = Math.max(0, ...arithmetic.map(({ rate }) => rate.length));
  const since = format.dateTime(new Date(receipt.price.since), { dateStyle: "medium" });

  return (
    <figure
      data-slot="receipt"
      aria-label={t("label", { model: receipt.model })}
      className={cn("figures @container border border-line-strong bg-surface font-mono text-xs", className)}
    >
      <div className="flex items-baseline justify-between gap-4 px-4 pt-4 sm:px-5">
        <span className="min-w-0 truncate text-sm font-medium">{receipt.model}</span>
        <span className="shrink-0 text-ink-2" title={receipt.requestId}>
          {shortId(receipt.requestId)}
        </span>
      </div>
      <div className="px-4 pt-3 pb-4 sm:px-5 @min-[26rem]:text-sm">
        <table className="w-full border-collapse text-left @max-[21rem]:block">
          <caption className="sr-only">{t("caption")}</caption>
          <tbody className="@max-[21rem]:block [&>tr:last-child>*]:pb-2">
            {receipt.lines.map((line, index) => (
              <ReceiptRow
                key={line.class}
                line={line}
                arithmetic={arithmetic[index] as Arithmetic}
                rateLength={rateLength}
                amount={amounts[index] ?? ""}
              />
            ))}
          </tbody>
          {percent !== null && (
            <tbody className="@max-[21rem]:block">
              <tr className="@max-[21rem]:block">
                <td colSpan={4} className="py-1 text-ink-2">
                  {t("factor", { percent })}
                </td>
              </tr>
            </tbody>
          )}
          <tfoot className="@max-[21rem]:block border-t border-ink text-sm font-semibold">
            <tr className="double-rule @max-[21rem]:flex @max-[21rem]:justify-between">
              <th scope="row" className="py-2 font-semibold">
                {t("charged")}
              </th>
              <td colSpan={2} className="py-2">
                {notCharged && <Badge variant="warning">{t("notCharged", { reason: notCharged })}</Badge>}
              </td>
              <td className="py-2 text-right">{charged}</td>
            </tr>
          </tfoot>
        </table>
        <p className="mt-3 text-ink-2">
          {t("hold", { held: held ?? "", released: released ?? "" })}
          <br />
          {t("price", { version: receipt.price.version, since })}
        </p>
      </div>
    </figure>
  );
}
