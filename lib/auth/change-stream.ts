import { type ChangeWatch, createChangeWatch, type Viewer } from "@/lib/auth/change-watch";
import { readVersions } from "@/lib/auth/queries";
import type { OrgScope } from "@/lib/auth/require-org";
import { logger } from "@/lib/log";

/** Each holds one of the gateway's connections to this process; the rest must stay free for pages. */
const MAX_VIEWERS = 96;

const watch = createChangeWatch({
  read: readVersions,
  onError: (error) => logger("changes").warn({ err: error }, "could not look for changes"),
  max: MAX_VIEWERS,
});

/** An organisation's change stream (server-sent events): `change` when money moved since `?since=`, `end` once the session
 *  is over. It carries no data: the page asks for itself again. 503 where too many watch. */
export function changeStream(scope: OrgScope, request: Request): Response {
  return streamChanges(watch, { sessionId: scope.user.sessionId, orgId: scope.orgId }, request);
}

/** The stream of one viewer of a watch. */
export function streamChanges(
  watch: ChangeWatch,
  viewing: Pick<Viewer, "sessionId" | "orgId">,
  request: Request,
): Response {
  const since = new URL(request.url).searchParams.get("since") ?? "0";
  const body = streamOf(watch, { ...viewing, version: since }, request.signal);
  if (!body) return new Response(null, { status: 503, headers: { "cache-control": "no-store" } });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    },
  });
}

function streamOf(
  watch: ChangeWatch,
  viewing: Pick<Viewer, "sessionId" | "orgId" | "version">,
  signal: AbortSignal,
): ReadableStream<Uint8Array> | null {
  const encoder = new TextEncoder();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  // a write fails only once the browser is gone, and then `close` has been or will be called
  const write = (text: string) => void writer.write(encoder.encode(text)).catch(close);
  const viewer: Viewer = {
    ...viewing,
    onChange: (version) => write(`event: change\ndata: ${version}\n\n`),
    onBeat: () => write(": still here\n\n"),
    onEnd: () => {
      write("event: end\ndata: signed out\n\n");
      close();
    },
  };
  function close() {
    watch.remove(viewer);
    writer.close().catch(() => {
      // it was closed or cancelled before: nothing is left to end
    });
  }
  if (!watch.add(viewer)) return null;
  signal.addEventListener("abort", close, { once: true });
  write("retry: 2000\n\n");
  return readable;
}
