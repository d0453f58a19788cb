"use client";

import { Radio, TriangleAlert } from "lucide-react";
import { useTranslations } from "next-intl";
import { useEffect, useRef, useState } from "react";
import { useRefreshOnChange } from "@/components/shell/use-refresh-on-change";

/** The stream says something every five seconds; beyond this the figures are old, whatever the connection claims. */
const STALE_SECONDS = 15;

/** Keeps the page live over server-sent events and says how old its figures are, loudly once the stream is lost. `at` is when
 *  the page was rendered. */
export function LiveAge({ at }: { at: string }) {
  const t = useTranslations("admin.health");
  const age = useAgeSeconds(at);
  useRefreshOnChange("/api/console/admin/health-changes");
  const isStale = age >= STALE_SECONDS;
  const Icon = isStale ? TriangleAlert : Radio;
  return (
    <p role="status" className="flex items-center gap-1.5 text-sm text-ink-2" suppressHydrationWarning>
      <Icon className={isStale ? "size-4 shrink-0 text-warning" : "size-4 shrink-0"} strokeWidth={1.5} aria-hidden />
      {isStale ? t("stale", { seconds: age }) : t("live")}
    </p>
  );
}

/** By this browser's clock alone: the server's may differ. */
function useAgeSeconds(at: string): number {
  const arrived = useRef({ at, atMs: 0 });
  const [age, setAge] = useState(0);
  useEffect(() => {
    arrived.current = { at, atMs: performance.now() };
    setAge(0);
    const timer = setInterval(() => setAge(Math.floor((performance.now() - arrived.current.atMs) / 1000)), 1_000);
    return () => clearInterval(timer);
  }, [at]);
  return age;
}
