import Link from "next/link";
import { useTranslations } from "next-intl";
import { buttonVariants } from "@/components/ui/button";

/** The way to older rows of a long list, and back to the newest. */
export function NextPage({ query, next }: { query: Record<string, string>; next: string | null }) {
  const t = useTranslations("admin");
  const address = (cursor?: string) => {
    const { cursor: _cursor, ...rest } = query;
    return `?${new URLSearchParams(cursor ? { ...rest, cursor } : rest)}`;
  };
  if (!next && !query.cursor) return null;
  return (
    <nav aria-label={t("pages")} className="mt-4 flex gap-2">
      {query.cursor && (
        <Link href={address()} className={buttonVariants({ size: "small" })}>
          {t("newest")}
        </Link>
      )}
      {next && (
        <Link href={address(next)} className={buttonVariants({ size: "small" })}>
          {t("older")}
        </Link>
      )}
    </nav>
  );
}
