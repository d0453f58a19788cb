import Link from "next/link";
import { useTranslations } from "next-intl";
import { useKindName } from "@/components/shell/kind-name";
import { Section } from "@/components/shell/section";
import { buttonVariants } from "@/components/ui/button";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow, TableRowHead } from "@/components/ui/table";
import type { ProviderKind } from "@/lib/catalog/provider-kinds";

type Kind = Pick<ProviderKind, "id" | "name" | "defaultBaseUrl">;

export function Providers({ kinds }: { kinds: readonly Kind[] }) {
  const t = useTranslations("landing.providers");
  const nameOf = useKindName();
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
              <TableRowHead>{nameOf(kind)}</TableRowHead>
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
      <Link href="/docs/compatibility" className={`${buttonVariants()} mt-6`}>
        {t("compatibility")}
      </Link>
    </Section>
  );
}
