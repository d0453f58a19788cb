"use client";

import { useRouter } from "next/navigation";
import { useEffect, useRef } from "react";

/** The first change shows at once; those of a burst after it are gathered. */
const GATHER_MS = 500;
/** Where no stream is to be had. */
const POLL_MS = 5_000;

type RefreshOnChangeProps = {
  orgSlug: string;
  /** The wallet's version when the page was rendered. */
  since: string;
};

/** Asks for the page again when money moves in the organisation: a call settled, credit arrived. Only while somebody looks,
 *  since a browser allows few connections to one host. */
export function RefreshOnChange({ orgSlug, since }: RefreshOnChangeProps) {
  const router = useRouter();
  const shown = useRef(since);
  shown.current = since;
  useEffect(() => {
    let source: EventSource | null = null;
    let gathering: ReturnType<typeof setTimeout> | undefined;
    let polling: ReturnType<typeof setInterval> | undefined;
    let refreshedAt = Number.NEGATIVE_INFINITY;
    const refresh = () => {
      clearTimeout(gathering);
      const wait = Math.max(0, refreshedAt + GATHER_MS - performance.now());
      gathering = setTimeout(() => {
        refreshedAt = performance.now();
        router.refresh();
      }, wait);
    };
    const close = () => {
      source?.close();
      source = null;
      clearInterval(polling);
      polling = undefined;
    };
    const open = () => {
      close();
      if (document.visibilityState !== "visible") return;
      source = new EventSource(`/api/console/${orgSlug}/changes?since=${shown.current}`);
      source.addEventListener("change", refresh);
      source.addEventListener("end", () => {
        close();
        // the server decides where somebody without a session goes
        router.refresh();
      });
      source.addEventListener("error", () => {
        // a stream that broke is opened again by the browser; one that was refused is not
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
  }, [orgSlug, router]);
  return null;
}
