import { useFormatter, useTranslations } from "next-intl";
import { PROTOCOLS } from "@/components/compatibility/protocols";
import { useKindName } from "@/components/shell/kind-name";
import { Section } from "@/components/shell/section";
import type { Compatibility } from "@/lib/catalog/compatibility";

/** What cannot be, where, and why. */
export function Exclusions({ exceptions }: Pick<Compatibility, "exceptions">) {
  const t = useTranslations("compatibility");
  const format = useFormatter();
  const nameOf = useKindName();
  return (
    <Section id="exceptions" title={t("exceptions.title")} text={<p>{t("exceptions.text")}</p>}>
      <ol className="divide-y">
        {exceptions.map(({ note, reason, kind, dialects, features }) => (
          <li
            key={note}
            id={`note-${note}`}
            className="grid scroll-mt-4 grid-cols-[2rem_1fr] py-4 first:pt-0 last:pb-0 target:bg-surface"
          >
            <span className="figures text-ink-2">{note}</span>
            <div>
              <h3 className="font-medium">
                {[...(kind ? [nameOf(kind)] : []), ...dialects.map((dialect) => PROTOCOLS[dialect].name)].join(" · ")}
              </h3>
              <p className="mt-1 max-w-[68ch]">{t(`reasons.${reason}`)}</p>
              <p className="mt-1 max-w-[68ch] text-sm text-ink-2">
                {format.list(
                  features.map((feature) => t(`features.${feature}`)),
                  { type: "conjunction" },
                )}
              </p>
            </div>
          </li>
        ))}
      </ol>
    </Section>
  );
}
