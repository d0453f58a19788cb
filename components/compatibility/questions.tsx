import { useTranslations } from "next-intl";
import { Section } from "@/components/shell/section";
import type { Compatibility } from "@/lib/catalog/compatibility";

/** What is asked of each pair. */
export function Questions({ features }: Pick<Compatibility, "features">) {
  const t = useTranslations("compatibility");
  return (
    <Section
      id="questions"
      title={t("questions.title", { total: features.length })}
      text={<p>{t("questions.text")}</p>}
    >
      <ul className="grid gap-x-8 gap-y-2 sm:grid-cols-2">
        {features.map((feature) => (
          <li key={feature}>{t(`features.${feature}`)}</li>
        ))}
      </ul>
    </Section>
  );
}
