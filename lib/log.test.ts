import { expect, test } from "vitest";
import { createLogger } from "@/lib/log";

function captured(write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  const lines: string[] = [];
  write(createLogger("info", { write: (line) => lines.push(line) }));
  return JSON.parse(lines.join("")) as Record<string, unknown>;
}

test("a field outside the list is named, its value left out", () => {
  const line = captured((log) => log.info({ requestId: "req_1", authorization: "Bearer secret" }, "call"));
  expect(line).toMatchObject({ level: "info", msg: "call", requestId: "req_1", dropped: ["authorization"] });
  expect(JSON.stringify(line)).not.toContain("secret");
});

test("an error shows its message and stack, not what a library hung on it", () => {
  const error = Object.assign(new Error("refused", { cause: new Error("closed") }), { code: "E1", config: "password" });
  const line = captured((log) => log.error({ err: error }, "failed"));
  expect(line.err).toMatchObject({ type: "Error", code: "E1", message: "refused", cause: { message: "closed" } });
  expect(JSON.stringify(line)).not.toContain("password");
});

test("lines below the level are not written", () => {
  expect(() => captured((log) => log.debug("nothing"))).toThrow();
});
