import { frames } from "./fickle-upstream";

type Random = () => number;
type Wrong = (events: string[], pick: (most: number) => number) => string[];

const inserting =
  (text: string): Wrong =>
  (events, pick) =>
    events.toSpliced(pick(events.length), 0, text);

/** What servers do to event streams, and a few things that none should. */
const WRONGS: readonly Wrong[] = [
  inserting('data: {"broken\n\n'),
  inserting(": a comment\n\n"),
  inserting("\n\n\n"),
  inserting("event: vendor.notice\nid: 7\nretry: 10\n\n"),
  inserting("data\n\n"),
  inserting("data: null\n\n"),
  inserting("data: 3\n\n"),
  inserting("nonsense without a colon\n\n"),
  inserting(`data: ${JSON.stringify({ error: { message: "broke", type: "server_error" } })}\n\n`),
  inserting("data: [DONE]\n\n"),
  inserting(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "😀 data: [DONE]\n\n" } }] })}\n\n`),
  (events) => events.map((event) => event.replaceAll("\n", "\r\n")),
  (events) => events.map((event) => event.replace("data: ", "data:")),
  (events, pick) => events.toSpliced(pick(events.length), 1),
  (events) => events.slice(0, -1),
  (events, pick) => events.slice(0, 1 + pick(events.length)),
  (events) => events.with(-1, (events.at(-1) ?? "").trimEnd()),
  (events) => events.with(0, `\ufeff${events[0]}`),
  (events) => events.toReversed(),
  (events, pick) => {
    const at = pick(events.length);
    return events.with(at, (events[at] ?? "").slice(0, 20));
  },
];

/** A clean answer with one to three things wrong. */
export function malformed(random: Random): Buffer {
  const pick = (most: number) => Math.floor(random() * most);
  let events = frames();
  for (let n = 1 + pick(3); n > 0 && events.length > 0; n--)
    events = (WRONGS[pick(WRONGS.length)] as Wrong)(events, pick);
  return Buffer.from(events.join(""));
}

/** Bytes in packets of the lengths given. */
export function pieces(bytes: Buffer, length: () => number): Buffer[] {
  const cut: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += cut.at(-1)?.length ?? 1) cut.push(bytes.subarray(at, at + length()));
  return cut;
}
