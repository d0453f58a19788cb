import { useTranslations } from "next-intl";
import { Section } from "@/components/shell/section";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow, TableRowHead } from "@/components/ui/table";
import type { ProviderKind } from "@/lib/catalog/provider-kinds";

type Kind = Pick<ProviderKind, "id" | "name" | "defaultBaseUrl">;

const NAMED = ["openai-compatible", "sandbox"] as const;

/** Kinds that are not the name of a company, and so are said in the reader's language. */
function isNamed(id: string): id is (typeof NAMED)[number] {
  return NAMED.some((named) => named === id);
}

export function Providers({ kinds }: { kinds: readonly Kind[] }) {
  const t = useTranslations("landing.providers");
  return (
    <Section id="providers" title={t("title")} text={<p>{t("text")}</p>}>
      <Table>
        <TableHeader>
          <TableRow>
            <TableHead>{t("provider")}</TableHead>
            <TableHead>{t("address")}</TableHead>
          </TableRow>
        </TableHeader>
        <TableBody>
          {kinds.map((kind) => (
            <TableRow key={kind.id}>
              <TableRowHead>{isNamed(kind.id) ? t(`names.${kind.id}`) : kind.name}</TableRowHead>
              <TableCell className="text-ink-2">
                {kind.defaultBaseUrl ? (
                  <span className="font-mono text-sm break-all">{new URL(kind.defaultBaseUrl).host}</span>
                ) : (
                  t(kind.id === "sandbox" ? "noNetwork" : "ownAddress")
                )}
              </TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </Section>
  );
}
