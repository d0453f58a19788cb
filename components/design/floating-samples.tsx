"use client";

import { PERIODS, WORDS } from "@/components/design/samples";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger, SheetContent } from "@/components/ui/dialog";
import { Menu, MenuContent, MenuItem, MenuRadioGroup, MenuRadioItem, MenuTrigger } from "@/components/ui/menu";
import { Tabs, TabsList, TabsPanel, TabsTab } from "@/components/ui/tabs";
import { useToast } from "@/components/ui/toast";
import { Tooltip, TooltipContent, TooltipTrigger } from "@/components/ui/tooltip";

/** What floats is drawn at the end of the page, in the theme of the whole page. */
export function FloatingSamples() {
  const toast = useToast();
  return (
    <div className="flex flex-col gap-5">
      <div className="flex flex-wrap gap-2">
        <Dialog>
          <DialogTrigger render={<Button />}>{"dialog"}</DialogTrigger>
          <DialogContent title={WORDS.name} description={WORDS.text}>
            <DialogActions>
              <Button variant="danger">{WORDS.danger}</Button>
            </DialogActions>
          </DialogContent>
        </Dialog>
        <Dialog>
          <DialogTrigger render={<Button />}>{"sheet"}</DialogTrigger>
          <SheetContent title={WORDS.name}>{WORDS.text}</SheetContent>
        </Dialog>
        <Menu>
          <MenuTrigger render={<Button />}>{"menu"}</MenuTrigger>
          <MenuContent>
            <MenuItem>{WORDS.open}</MenuItem>
            <MenuItem className="text-danger">{WORDS.danger}</MenuItem>
            <MenuRadioGroup defaultValue="day">
              {PERIODS.map(({ value, label }) => (
                <MenuRadioItem key={value} value={value}>
                  {label}
                </MenuRadioItem>
              ))}
            </MenuRadioGroup>
          </MenuContent>
        </Menu>
        <Tooltip>
          <TooltipTrigger render={<Button aria-label={WORDS.hint} />}>{"tooltip"}</TooltipTrigger>
          <TooltipContent>{WORDS.hint}</TooltipContent>
        </Tooltip>
        <Button onClick={() => toast.add({ title: WORDS.saved, description: WORDS.text })}>{"toast"}</Button>
      </div>
      <Tabs defaultValue="day">
        <TabsList aria-label={WORDS.open}>
          {PERIODS.map(({ value, label }) => (
            <TabsTab key={value} value={value}>
              {label}
            </TabsTab>
          ))}
        </TabsList>
        {PERIODS.map(({ value, label }) => (
          <TabsPanel key={value} value={value} className="py-3">
            {label}
          </TabsPanel>
        ))}
      </Tabs>
    </div>
  );
}
