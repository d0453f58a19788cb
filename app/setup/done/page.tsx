import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { AuthFrame } from "@/components/auth/auth-frame";
import { buttonVariants } from "@/components/ui/button";
import { isWorkerAlive } from "@/lib/auth/admin-setup";
import { homeOf } from "@/lib/auth/queries";
import { requireStaff } from "@/lib/auth/require-staff";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("setup"))("doneTitle") };
}

export default async function SetupDonePage() {
  const { user } = await requireStaff("settings.manage");
  const t = await getTranslations("setup");
  const hasWorker = await isWorkerAlive();
  return (
    <AuthFrame title={t("doneTitle")} text={t("doneText")}>
      <ul className="flex flex-col gap-2 border-y py-4">
        <li>✓ {t("database")}</li>
        <li>{hasWorker ? `✓ ${t("worker")}` : `✗ ${t("workerMissing")}`}</li>
      </ul>
      <div className="flex flex-wrap gap-2">
        <Link href={await homeOf(user.userId)} className={buttonVariants({ variant: "primary" })}>
          {t("openConsole")}
        </Link>
        <Link href="/admin" className={buttonVariants()}>
          {t("openAdmin")}
        </Link>
      </div>
    </AuthFrame>
  );
}
