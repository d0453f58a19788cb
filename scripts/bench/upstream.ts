import net from "node:net";

/** The upstream of the bench: answers every chat completion at once from bytes made beforehand, so that it takes as little of
 *  the shared cores as a TCP server can. A stream is 100 content chunks, each its own HTTP chunk, in one write. */
const CHUNKS = 100;
const HEAD = "HTTP/1.1 200 OK\r\nx-request-id: req_bench\r\nconnection: keep-alive\r\n";
const ID = '"id":"chatcmpl-bench","created":1750000000,"model":"bench"';
const USAGE = '{"prompt_tokens":9,"completion_tokens":100,"total_tokens":109}';

const text = Array.from({ length: CHUNKS }, () => "word").join(" ");
const plainBody = `{${ID},"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"${text}","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":${USAGE}}`;
const plain = Buffer.from(
  `${HEAD}content-type: application/json\r\ncontent-length: ${plainBody.length}\r\n\r\n${plainBody}`,
);

const failureBody = '{"error":{"message":"Internal error","type":"server_error","param":null,"code":null}}';
const failure = Buffer.from(
  `HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: ${failureBody.length}\r\n\r\n${failureBody}`,
);

const stream = Buffer.concat(streamAnswer(false));
const streamWithUsage = Buffer.concat(streamAnswer(true));
const trickle = streamAnswer(false);
const trickleWithUsage = streamAnswer(true);

function streamAnswer(usage: boolean): Buffer[] {
  const chunk = (choices: string, rest = usage ? ',"usage":null' : "") =>
    frame(`data: {${ID},"object":"chat.completion.chunk","choices":${choices}${rest}}\n\n`);
  const parts = [
    chunk(
      '[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]',
    ),
  ];
  for (let i = 0; i < CHUNKS; i++)
    parts.push(chunk('[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]'));
  parts.push(chunk('[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]'));
  if (usage) parts.push(chunk("[]", `,"usage":${USAGE}`));
  parts.push(frame("data: [DONE]\n\n"));
  const head = `${HEAD}content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n`;
  return [head, ...parts, "0\r\n\r\n"].map((part) => Buffer.from(part));
}

function frame(data: string): string {
  return `${data.length.toString(16)}\r\n${data}\r\n`;
}

/** Chunk by chunk, each in a packet of its own, as a model makes them: whoever reads cannot handle several at once. */
async function writeSlowly(socket: net.Socket, parts: Buffer[]): Promise<void> {
  for (const part of parts) {
    if (socket.destroyed) return;
    socket.write(part);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const server = net.createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  let rest = "";
  socket.on("data", (part) => {
    rest += part.toString("latin1");
    for (;;) {
      const end = rest.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(rest.slice(0, end))?.[1] ?? 0);
      const chunked = /\r\ntransfer-encoding: *chunked/i.test(rest.slice(0, end));
      const stop = chunked ? rest.indexOf("0\r\n\r\n", end + 4) + 5 : end + 4 + length;
      if (rest.length < stop || stop === 4) return;
      const body = rest.slice(end + 4, stop);
      rest = rest.slice(stop);
      // `fails-10…` answers one call in ten with an error, whichever
      const share = Number(/"model":"fails-(\d+)/.exec(body)?.[1] ?? 0);
      if (share > 0 && Math.random() * 100 < share) {
        socket.write(failure);
        continue;
      }
      const wantsUsage = body.includes('"include_usage":true');
      if (!body.includes('"stream":true')) socket.write(plain);
      else if (body.includes("bench-trickle")) void writeSlowly(socket, wantsUsage ? trickleWithUsage : trickle);
      else socket.write(wantsUsage ? streamWithUsage : stream);
    }
  });
});

server.listen(0, "127.0.0.1", () =>
  process.stdout.write(`${JSON.stringify({ port: (server.address() as net.AddressInfo).port })}\n`),
);
process.once("SIGTERM", () => process.exit(0));
