type Key = {
  key: string;
  shiftKey: boolean;
  ctrlKey?: boolean;
  altKey?: boolean;
  metaKey?: boolean;
  keyCode?: number;
  isComposing: boolean;
};

/** What a key in the composer means. Enter that ends a composition (an input method choosing a word) never sends: browsers
 *  say so by `isComposing`, Safari, which reports the end first, by key code 229. */
export function composerKey(event: Key): "send" | "stop" | null {
  if (event.isComposing || event.keyCode === 229) return null;
  if (event.key === "Enter" && !event.shiftKey && !event.altKey) return "send";
  if (event.key === "Escape") return "stop";
  return null;
}
