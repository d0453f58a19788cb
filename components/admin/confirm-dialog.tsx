"use client";

import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { FormError } from "@/components/ui/form";

type Props = {
  trigger: string;
  title: string;
  /** The consequence. */
  text: string;
  confirm: string;
  problem: string | undefined;
  isPending: boolean;
  /** True when it is done. */
  onConfirm: () => Promise<boolean>;
};

export function ConfirmDialog({ trigger, title, text, confirm, problem, isPending, onConfirm }: Props) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Dialog open={isOpen} onOpenChange={setOpen}>
      <DialogTrigger render={<Button variant="danger" />}>{trigger}</DialogTrigger>
      <DialogContent title={title} description={text}>
        <div className="flex flex-col gap-5">
          <FormError message={problem} />
          <DialogActions>
            <Button variant="danger" disabled={isPending} onClick={async () => (await onConfirm()) && setOpen(false)}>
              {confirm}
            </Button>
          </DialogActions>
        </div>
      </DialogContent>
    </Dialog>
  );
}
