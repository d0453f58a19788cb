import { useTranslations } from "next-intl";
import { Section } from "@/components/shell/section";
import type { Compatibility, MatrixDialect } from "@/lib/catalog/compatibility";

/** Proper names, the same in every language. */
export const PROTOCOLS: Record<MatrixDialect, { name: string; path: string }> = {
  "openai-chat": { name: "OpenAI Chat Completions", path: "/api/v1/chat/completions" },
  "openai-responses": { name: "OpenAI Responses", path: "/api/v1/responses" },
  "anthropic-messages": { name: "Anthropic Messages", path: "/api/v1/messages" },
  aigne: { name: "AIGNE", path: "/api/v2/chat" },
};

/** The protocols, where each is served and what speaks it. */
export function Protocols({ origin, dialects }: { origin: string } & Pick<Compatibility, "dialects">) {
  const t = useTranslations("compatibility");
  return (
    <Section id="protocols" title={t("protocols.title")} text={<p>{t("protocols.text")}</p>}>
      <dl className="divide-y">
        {dialects.map((dialect) => (
          <div key={dialect} className="py-4 first:pt-0 last:pb-0">
            <dt className="font-medium">{PROTOCOLS[dialect].name}</dt>
            <dd className="mt-1">
              <code className="font-mono text-sm wrap-anywhere">{origin + PROTOCOLS[dialect].path}</code>
              <p className="mt-1 max-w-[68ch] text-ink-2">{t(`dialects.${dialect}.clients`)}</p>
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
