import { useTranslations } from "next-intl";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";

/** The frame of a console page: title, sentence, rows. Only pages that exist for every member are in this group: once the
 *  frame is sent, so is the status 200, and a page of one thing could no longer answer 404. */
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
