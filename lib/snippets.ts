export type SnippetId = "curl" | "python" | "node";

/** `changed` are the lines (from 0) in which a program written for OpenAI differs. */
export type Snippet = { id: SnippetId; name: string; code: string; changed: readonly number[] };

/** A chat request in the fields of its wire format. */
export type ChatCall = {
  model: string;
  messages: readonly { role: "system" | "user" | "assistant"; content: string }[];
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
};

const HELLO: ChatCall["messages"] = [{ role: "user", content: "Hello" }];

/** A call ready to run once `$AIGNE_API_KEY` is set, or at once where the key itself is given; without messages, the first
 *  one. `baseUrl` ends in /api/v1. */
export function chatSnippets(
  given: { baseUrl: string; apiKey?: string } & Omit<ChatCall, "messages"> & Partial<ChatCall>,
): Snippet[] {
  const { baseUrl, apiKey, ...call } = { messages: HELLO, ...given };
  const { model, messages, ...options } = call;
  return [
    {
      id: "curl",
      name: "curl",
      changed: [0, 1],
      code: `curl ${baseUrl}/chat/completions \\
  -H "Authorization: Bearer ${apiKey ?? "$AIGNE_API_KEY"}" \\
  -H "Content-Type: application/json" \\
  -d '${inSingleQuotes(jsonBody({ model, messages, ...options }))}'`,
    },
    {
      id: "python",
      name: "Python",
      changed: apiKey ? [3, 4] : [4, 5],
      code: `${apiKey ? "" : "import os\n"}from openai import OpenAI

client = OpenAI(
    base_url="${baseUrl}",
    api_key=${apiKey ? JSON.stringify(apiKey) : 'os.environ["AIGNE_API_KEY"]'},
)
answer = client.chat.completions.create(
${[`model=${text(model)}`, `messages=${pythonMessages(messages)}`, ...entries(options, "=")].map((line) => `    ${line},`).join("\n")}
)
print(answer.choices[0].message.content)`,
    },
    {
      id: "node",
      name: "Node.js",
      changed: [3, 4],
      code: `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "${baseUrl}",
  apiKey: ${apiKey ? JSON.stringify(apiKey) : "process.env.AIGNE_API_KEY"},
});
const answer = await client.chat.completions.create({
${[`model: ${text(model)}`, `messages: ${nodeMessages(messages)}`, ...entries(options, ": ")].map((line) => `  ${line},`).join("\n")}
});
console.log(answer.choices[0].message.content);`,
    },
  ];
}

type Messages = ChatCall["messages"];

function jsonBody({ model, messages, ...options }: ChatCall): string {
  const listed = list(
    messages,
    ({ role, content }) => `{ "role": "${role}", "content": ${text(content)} }`,
    " ".repeat(8),
  );
  const more = Object.entries(options).map(([name, value]) => `,\n        "${name}": ${value}`);
  return `{ "model": ${text(model)},\n        "messages": ${listed}${more.join("")} }`;
}

function pythonMessages(messages: Messages): string {
  return list(messages, ({ role, content }) => `{"role": "${role}", "content": ${text(content)}}`, " ".repeat(4));
}

function nodeMessages(messages: Messages): string {
  return list(messages, ({ role, content }) => `{ role: "${role}", content: ${text(content)} }`, " ".repeat(2));
}

/** One message stays in the line, several get one each. */
function list(messages: Messages, write: (message: Messages[number]) => string, indent: string): string {
  if (messages.length === 1) return `[${messages.map(write).join("")}]`;
  return `[\n${messages.map((message) => `${indent}  ${write(message)}`).join(",\n")}\n${indent}]`;
}

function entries(options: Omit<ChatCall, "model" | "messages">, sign: string): string[] {
  return Object.entries(options).map(([name, value]) => `${name}${sign}${value}`);
}

/** A JSON string means the same in Python and JavaScript. */
function text(value: string): string {
  return JSON.stringify(value);
}

function inSingleQuotes(body: string): string {
  return body.replaceAll("'", `'\\''`);
}
