import { useTranslations } from "next-intl";
import { Section } from "@/components/shell/section";
import type { Compatibility, MatrixDialect } from "@/lib/catalog/compatibility";

const PATHS: Record<MatrixDialect, string> = {
  "openai-chat": "/api/v1/chat/completions",
  "openai-responses": "/api/v1/responses",
  "anthropic-messages": "/api/v1/messages",
  aigne: "/api/v2/chat",
};

/** The protocols, where each is served and what speaks it. */
export function Protocols({ origin, dialects }: { origin: string } & Pick<Compatibility, "dialects">) {
  const t = useTranslations("compatibility");
  return (
    <Section id="protocols" title={t("protocols.title")} text={<p>{t("protocols.text")}</p>}>
      <dl className="divide-y">
        {dialects.map((dialect) => (
          <div key={dialect} className="py-4 first:pt-0 last:pb-0">
            <dt className="font-medium">{t(`dialects.${dialect}.name`)}</dt>
            <dd className="mt-1">
              <code className="font-mono text-sm wrap-anywhere">POST {origin + PATHS[dialect]}</code>
              <p className="mt-1 max-w-[68ch] text-ink-2">{t(`dialects.${dialect}.clients`)}</p>
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
