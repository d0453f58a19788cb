import { useTranslations } from "next-intl";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";

/** The frame of every console page: title, sentence, rows. */
export default function ConsoleLoading() {
  const t = useTranslations("ui");
  return (
    <>
      <div className="py-8">
        <Skeleton className="h-9 w-48" />
        <Skeleton className="mt-2 h-5 w-96 max-w-full" />
      </div>
      <SkeletonRows rows={8} label={t("loading")} />
    </>
  );
}
