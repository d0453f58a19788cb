import { useLocale, useTranslations } from "next-intl";
import { formatAmounts } from "@/components/receipt/format";
import { Section } from "@/components/shell/section";
import type { ReceiptData } from "@/lib/billing/receipt";

const STEPS = ["held", "charged", "released"] as const;

/** Billing in three lines, with the amounts of the example receipt: charged and released make up what was held. */
export function Billing({ receipt }: { receipt: ReceiptData }) {
  const t = useTranslations("landing.billing");
  const amounts = formatAmounts(
    STEPS.map((step) => BigInt(receipt[step])),
    useLocale(),
  );
  return (
    <Section id="billing" title={t("title")} text={<p>{t("text")}</p>}>
      <ol className="border-y border-line-strong">
        {STEPS.map((step, index) => (
          <li
            key={step}
            className="grid grid-cols-[1fr_auto] gap-x-8 gap-y-1 border-b py-4 last:border-b-0 sm:grid-cols-[9rem_1fr_auto]"
          >
            <h3 className="font-medium">{t(`${step}.name`)}</h3>
            <p className="text-ink-2 max-sm:order-3 max-sm:col-span-2">{t(`${step}.text`)}</p>
            <p className="figures text-right font-mono text-sm">{amounts[index]}</p>
          </li>
        ))}
      </ol>
    </Section>
  );
}
