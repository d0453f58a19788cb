/** A `fetch` whose event streams always end with an empty line: the parser of the SDK's modules drops an event without one,
 *  and with it the finish reason and the usage of upstreams that close too early. */
export function endedEvents(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.body || !response.headers.get("content-type")?.includes("text/event-stream")) return response;
    const end = new TransformStream<Uint8Array, Uint8Array>({
      flush: (controller) => controller.enqueue(new TextEncoder().encode("\n\n")),
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(end), { status, statusText, headers });
  };
}
