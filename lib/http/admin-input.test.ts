import { expect, test } from "vitest";
import { readBody } from "@/lib/http/admin-input";

/** A body of unknown length, made as it is read. */
function endless() {
  let sent = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 64 * 1024;
      controller.enqueue(new Uint8Array(64 * 1024));
    },
  });
  // safe because undici asks for "half" of any streamed body; the DOM type does not know it
  const init = { method: "POST", body: stream, duplex: "half" } as RequestInit;
  return { request: new Request("http://hub.test/", init), sent: () => sent };
}

test("a body without a declared length is read no further than the limit", async () => {
  const { request, sent } = endless();
  await expect(readBody(request)).rejects.toMatchObject({ code: "request_too_large" });
  expect(sent()).toBeLessThan(1_500_000);
});

test("characters that span two packets stay whole", async () => {
  const bytes = Buffer.from('{"name":"Zürich"}');
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const request = new Request("http://hub.test/", { method: "POST", body, duplex: "half" } as RequestInit);
  expect(await readBody(request)).toBe('{"name":"Zürich"}');
});
