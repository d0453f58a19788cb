import { expect, type Locator, type Page } from "@playwright/test";
import { untilItListens } from "./listens";

/** How a person works a page. The walks through the product are written once and done with either hand. */
export type Hand = {
  page: Page;
  /** Presses a button, a link, a radio button or an entry of a menu. */
  press(target: Locator): Promise<void>;
  /** Replaces what the field holds. */
  type(field: Locator, text: string): Promise<void>;
  /** Of everything pressed so far; typing is none. */
  presses(): number;
};

export function mouse(page: Page): Hand {
  let presses = 0;
  return {
    page,
    press: async (target) => {
      presses++;
      await untilItListens(target);
      // a radio button may be drawn by its label
      if (await isRadio(target)) await target.check({ force: true });
      else await target.click();
    },
    type: async (field, text) => {
      await untilItListens(field);
      await field.fill(text);
    },
    presses: () => presses,
  };
}

const MOST_TABS = 80;
const LONGEST_TYPED = 100;

/** No pointer at all: Tab and the arrows lead to everything, and where one is must be seen at each step. */
export function keyboard(page: Page): Hand {
  let presses = 0;
  const { keyboard: keys } = page;
  const reach = async (target: Locator) => {
    await expect(target).toBeVisible();
    // what floats takes the focus when it has opened
    await expect.poll(() => target.evaluate(isFocusThere)).toBe(true);
    for (let tabs = 0; tabs < MOST_TABS; tabs++) {
      const key = await target.evaluate(nextKey);
      if (key === null) break;
      await keys.press(key);
    }
    await expect(target).toBeFocused();
    await expect.poll(() => target.evaluate(focusProblem), `the focus on ${target}`).toBe("");
  };
  return {
    page,
    press: async (target) => {
      presses++;
      await untilItListens(target);
      await reach(target);
      // the arrow that led to a radio button has chosen it
      if (!(await isRadio(target))) await keys.press("Enter");
      else if (!(await target.isChecked())) await keys.press("Space");
    },
    type: async (field, text) => {
      await untilItListens(field);
      await reach(field);
      await keys.press("ControlOrMeta+a");
      // what is long is pasted
      if (text.length > LONGEST_TYPED) await keys.insertText(text);
      else await keys.type(text);
    },
    presses: () => presses,
  };
}

function isRadio(target: Locator): Promise<boolean> {
  return target.evaluate((element) => element instanceof HTMLInputElement && element.type === "radio");
}

/** Runs in the page: false while the focus is outside the dialog, menu or list that holds the element. */
function isFocusThere(element: Element): boolean {
  const floating = element.closest("[role=dialog], [role=menu], [role=listbox]");
  return floating === null || floating.contains(document.activeElement);
}

/** Runs in the page: inside a menu, a list, a row of tabs or a group of radio buttons the arrows lead on, between
 *  everything else Tab; null where the focus is on the element already. */
function nextKey(element: Element): string | null {
  const active = document.activeElement;
  if (active === element) return null;
  const isRadioOf = (one: Element | null, name?: string) =>
    one instanceof HTMLInputElement && one.type === "radio" && (name === undefined || one.name === name);
  const isSameGroup = isRadioOf(element) && isRadioOf(active, (element as HTMLInputElement).name);
  const isBefore =
    active !== null && (active.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING) !== 0;
  if (isSameGroup || element.closest("[role=menu], [role=listbox]")) return isBefore ? "ArrowUp" : "ArrowDown";
  if (active !== null && element.closest("[role=tablist]")?.contains(active))
    return isBefore ? "ArrowLeft" : "ArrowRight";
  return "Tab";
}

/** Runs in the page: why somebody would not see that this element has the focus, or "". */
function focusProblem(element: Element): string {
  if (!element.matches(":focus-visible")) return "is not shown to a keyboard user";
  const shown = [element, element.parentElement, element.closest("label")].filter((one) => one !== null);
  const isMarked = shown.some((one) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 1;
  });
  const isEntry = element.matches("[role^=menuitem], [role=option]");
  const isLit = isEntry && getComputedStyle(element).backgroundColor !== "rgba(0, 0, 0, 0)";
  if (!isMarked && !isLit) return "has neither outline nor background";
  const box = (element.closest("label") ?? element).getBoundingClientRect();
  const [x, y] = [box.x + Math.min(box.width / 2, 40), box.y + Math.min(box.height / 2, 40)];
  const top = document.elementFromPoint(x, y);
  const isOnTop = top !== null && shown.some((one) => one.contains(top) || top.contains(one));
  return isOnTop ? "" : `lies outside the window or under ${top?.outerHTML.slice(0, 80)}`;
}
