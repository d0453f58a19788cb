import Link from "next/link";
import { useTranslations } from "next-intl";
import { Receipt } from "@/components/receipt/receipt";
import { KeyFigures } from "@/components/shell/key-figures";
import { buttonVariants } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import type { ReceiptData } from "@/lib/billing/receipt";

export function Hero({ baseUrl, receipt }: { baseUrl: string; receipt: ReceiptData }) {
  const t = useTranslations("landing");
  return (
    <div className="mx-auto max-w-[1280px] px-4 md:px-8">
      <div className="grid items-center gap-x-16 gap-y-10 py-12 md:py-20 lg:grid-cols-[7fr_5fr]">
        <div className="min-w-0">
          <h1 className="tight max-w-[18ch] cjk:max-w-none text-2xl font-semibold sm:text-3xl">
            {t.rich("title", { p: (clause) => <span className="inline-block">{clause}</span> })}
          </h1>
          <p className="mt-5 max-w-[58ch] text-lg text-ink-2">{t("text")}</p>
          <BaseUrl url={baseUrl} />
          <div className="mt-6 flex flex-wrap gap-3">
            <a href="#first-call" className={buttonVariants({ variant: "primary" })}>
              {t("toFirstCall")}
            </a>
            <Link href="/models" className={buttonVariants()}>
              {t("browse")}
            </Link>
            <a href="#billing" className={buttonVariants({ variant: "quiet" })}>
              {t("toBilling")}
            </a>
          </div>
        </div>
        <div className="min-w-0">
          <Receipt receipt={receipt} />
          <p className="mt-3 text-sm text-ink-2">{t("example")}</p>
        </div>
      </div>
      <KeyFigures
        className="border-b-0"
        figures={[
          { label: t("figures.change.label"), value: t("figures.change.value"), note: t("figures.change.note") },
          { label: t("figures.failed.label"), value: t("figures.failed.value"), note: t("figures.failed.note") },
          { label: t("figures.unit.label"), value: t("figures.unit.value"), note: t("figures.unit.note") },
        ]}
      />
    </div>
  );
}

/** The one address that matters, in a strip of its own. */
function BaseUrl({ url }: { url: string }) {
  const t = useTranslations("landing");
  return (
    <dl className="mt-8 grid max-w-[560px] grid-cols-[1fr_auto] items-center border-y border-line-strong py-1 sm:grid-cols-[auto_1fr_auto]">
      <dt className="pr-4 text-sm text-ink-2 max-sm:col-span-2 max-sm:pt-2">{t("baseUrl")}</dt>
      <dd className="min-w-0 py-1.5 font-mono text-sm break-all select-all" translate="no">
        {url}
      </dd>
      <dd>
        <CopyButton text={url} label={t("copyBaseUrl")} className="-mr-2" />
      </dd>
    </dl>
  );
}
