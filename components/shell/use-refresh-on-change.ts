"use client";

import { useRouter } from "next/navigation";
import { useEffect, useRef } from "react";

/** The first change shows at once; those of a burst after it are gathered. */
const GATHER_MS = 500;
/** Where no stream is to be had. */
const POLL_MS = 5_000;

/** Asks for the page again at each change that the stream on this path tells of. Only while somebody looks, since a browser
 *  allows few connections to one host, and only on line: a page asked for in vain gives way to the browser's own error.
 *  `query` says what is shown by now; a new one counts when the stream is next opened. */
export function useRefreshOnChange(path: string, query = ""): void {
  const router = useRouter();
  const shown = useRef(query);
  shown.current = query;
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
      clearTimeout(gathering);
      clearInterval(polling);
      polling = undefined;
    };
    const open = () => {
      close();
      if (document.visibilityState !== "visible" || !navigator.onLine) return;
      source = new EventSource(path + shown.current);
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
    // an open stream need not notice by itself
    window.addEventListener("online", open);
    window.addEventListener("offline", close);
    return () => {
      document.removeEventListener("visibilitychange", open);
      window.removeEventListener("online", open);
      window.removeEventListener("offline", close);
      close();
    };
  }, [path, router]);
}
