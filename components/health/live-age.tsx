"use client";

import { Radio, TriangleAlert } from "lucide-react";
import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useEffect, useRef, useState } from "react";

/** After a burst of changes the page is asked for once. */
const GATHER_MS = 300;
/** The stream says something every five seconds; beyond this the figures are old, whatever the connection claims. */
const STALE_SECONDS = 15;
/** Where no stream is to be had. */
const POLL_MS = 10_000;

/** Keeps the page live over server-sent events and says how old its figures are, loudly once the stream is lost. `at` is when
 *  the page was rendered. */
export function LiveAge({ at }: { at: string }) {
  const t = useTranslations("admin.health");
  const age = useAgeSeconds(at);
  useChanges();
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

function useChanges(): void {
  const router = useRouter();
  useEffect(() => {
    let source: EventSource | null = null;
    let gathering: ReturnType<typeof setTimeout> | undefined;
    let polling: ReturnType<typeof setInterval> | undefined;
    const refresh = () => {
      clearTimeout(gathering);
      gathering = setTimeout(() => router.refresh(), GATHER_MS);
    };
    const close = () => {
      source?.close();
      source = null;
      clearInterval(polling);
      polling = undefined;
    };
    const open = () => {
      close();
      // a browser allows few connections to one host
      if (document.visibilityState !== "visible") return;
      source = new EventSource("/api/console/admin/health-changes");
      source.addEventListener("change", refresh);
      source.addEventListener("end", () => {
        close();
        router.refresh();
      });
      source.addEventListener("error", () => {
        // one that broke is opened again by the browser; one that was refused is not
        if (source?.readyState === EventSource.CLOSED) polling ??= setInterval(() => router.refresh(), POLL_MS);
      });
    };
    open();
    document.addEventListener("visibilitychange", open);
    return () => {
      document.removeEventListener("visibilitychange", open);
      clearTimeout(gathering);
      close();
    };
  }, [router]);
}
