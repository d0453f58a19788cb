/** The data of each event of a whole stream, by the HTML standard's own steps; written apart from the product's parser. Other
 *  than the standard it takes what the stream ends with for an event, although its empty line is missing. */
export function referenceEvents(bytes: Uint8Array): string[] {
  const text = new TextDecoder("utf-8").decode(bytes);
  const events: string[] = [];
  let data: string[] = [];
  const dispatch = () => {
    if (data.length > 0) events.push(data.join("\n"));
    data = [];
  };
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === "") dispatch();
    else if (/^data(:|$)/.test(line)) data.push(line.replace(/^data:? ?/, ""));
  }
  dispatch();
  return events;
}
