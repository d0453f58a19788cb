import Link from "next/link";
import { useTranslations } from "next-intl";
import { Section } from "@/components/shell/section";
import { buttonVariants } from "@/components/ui/button";
import { Money } from "@/components/ui/money";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow, TableRowHead } from "@/components/ui/table";

export type PricedModel = { id: string; input: string; output: string };

/** A few of the prices as they stand now; all of them are one click away. */
export function Prices({ models }: { models: readonly PricedModel[] }) {
  const t = useTranslations("landing.prices");
  return (
    <Section id="prices" title={t("title")} text={<p>{t("text")}</p>}>
      <Table>
        <TableHeader>
          <TableRow>
            <TableHead>{t("model")}</TableHead>
            <TableHead numeric>{t("input")}</TableHead>
            <TableHead numeric>{t("output")}</TableHead>
          </TableRow>
        </TableHeader>
        <TableBody>
          {models.map(({ id, input, output }) => (
            <TableRow key={id}>
              <TableRowHead>
                <Link
                  href={`/models/${id}`}
                  className="font-mono text-sm wrap-anywhere underline decoration-line-strong underline-offset-4 hover:decoration-current"
                >
                  {id}
                </Link>
              </TableRowHead>
              <TableCell numeric>
                <Money usd={input} />
              </TableCell>
              <TableCell numeric>
                <Money usd={output} />
              </TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
      <Link href="/models" className={`${buttonVariants()} mt-6`}>
        {t("all")}
      </Link>
    </Section>
  );
}
