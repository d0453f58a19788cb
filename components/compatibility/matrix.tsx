import { useTranslations } from "next-intl";
import { Fragment } from "react";
import { useKindName } from "@/components/shell/kind-name";
import { Section } from "@/components/shell/section";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow, TableRowHead } from "@/components/ui/table";
import type { Compatibility } from "@/lib/catalog/compatibility";

/** Heads end where the figures do, left of their notes. */
const NOTE_MARGIN = "max-md:pr-0 md:pr-13 md:last:pr-9";

/** How many of the questions each pair of provider and protocol answers; the numbers behind it name the exceptions. */
export function Matrix({ dialects, features, rows }: Pick<Compatibility, "dialects" | "features" | "rows">) {
  const t = useTranslations("compatibility");
  const nameOf = useKindName();
  return (
    <Section id="matrix" title={t("matrix.title")} text={<p>{t("matrix.text", { total: features.length })}</p>}>
      <Table>
        <TableHeader>
          <TableRow>
            <TableHead className="max-md:hidden">{t("provider")}</TableHead>
            {dialects.map((dialect) => (
              <TableHead key={dialect} numeric className={NOTE_MARGIN}>
                {t(`dialects.${dialect}.short`)}
              </TableHead>
            ))}
          </TableRow>
        </TableHeader>
        <TableBody>
          {rows.map(({ kind, cells }) => (
            <Fragment key={kind.id}>
              {/* on a phone the name has a line of its own */}
              <TableRow className="border-b-0 md:hidden">
                <TableRowHead colSpan={dialects.length} scope="rowgroup" className="pt-2">
                  {nameOf(kind)}
                </TableRowHead>
              </TableRow>
              <TableRow>
                <TableRowHead className="max-md:hidden">{nameOf(kind)}</TableRowHead>
                {cells.map(({ dialect, works, notes }) => (
                  <TableCell key={dialect} numeric className="whitespace-nowrap max-md:w-1/4 max-md:pr-0">
                    {works}
                    {/* figures stay under each other, with a note or without */}
                    <span className="inline-block w-9 text-left">
                      {notes.map((note) => (
                        <a
                          key={note}
                          href={`#note-${note}`}
                          aria-label={t("matrix.note", { note })}
                          className="px-0.5 align-super text-xs text-accent hover:underline"
                        >
                          {note}
                        </a>
                      ))}
                    </span>
                  </TableCell>
                ))}
              </TableRow>
            </Fragment>
          ))}
        </TableBody>
      </Table>
    </Section>
  );
}
