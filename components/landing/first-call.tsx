import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { CodeTabs } from "@/components/landing/code-tabs";
import { Section } from "@/components/shell/section";
import type { Snippet } from "@/lib/snippets";

type FirstCallProps = { snippets: readonly Snippet[]; model: string; hasSandbox: boolean; printsKey: boolean };

export function FirstCall({ snippets, model, hasSandbox, printsKey }: FirstCallProps) {
  const t = useTranslations("landing.firstCall");
  const code = (text: ReactNode) => <code className="font-mono text-sm text-ink">{text}</code>;
  return (
    <Section id="first-call" title={t("title")} text={<p>{t("text")}</p>}>
      <CodeTabs snippets={snippets} label={t("languages")} copyLabel={t("copy")} />
      <ul className="mt-6 max-w-[68ch] space-y-2 text-ink-2">
        <li>{printsKey ? t.rich("keyPrinted", { code }) : t.rich("keyAsked", { code })}</li>
        <li>{hasSandbox ? t.rich("sandbox", { code, model }) : t.rich("models", { code, model })}</li>
      </ul>
    </Section>
  );
}
