import { expect, type Locator } from "@playwright/test";

/** A page that has just come may not listen yet: what is typed into a field with a state of its own is gone once it does, and a
 *  form is sent without its script. */
export async function untilItListens(target: Locator): Promise<void> {
  await expect.poll(() => target.evaluate(isListening), `${target} listens`).toBe(true);
}

/** Runs in the page: whether React has taken the element over. Pages that are not the hub's have none. */
function isListening(element: Element): boolean {
  return !("__next_f" in window) || Object.keys(element).some((key) => key.startsWith("__reactFiber$"));
}
