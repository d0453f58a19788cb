"use client";

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { noticed } from "@/components/auth/session-end";
import {
  type AnswerTurn,
  needsCharge,
  newAnswer,
  type Turn,
  withCharge,
  withEvent,
} from "@/components/playground/conversation";
import { createTokenSource } from "@/components/playground/member-token";
import { sendChat, TokenRefused } from "@/components/playground/send-chat";
import { createMemberTokenAction, findChargeAction } from "@/lib/playground/actions";
import type { Charge } from "@/lib/playground/schema";
import type { ChatCall } from "@/lib/snippets";

/** How often the page is drawn anew while an answer streams. */
const DRAW_EVERY_MS = 50;
/** A stopped call settles within milliseconds, unless the hub is busy. */
const CHARGE_WAITS_MS = [100, 200, 300, 400, 500, 750, 1_000, 1_500, 2_500, 4_000];

export type Conversation = {
  turns: readonly Turn[];
  isBusy: boolean;
  /** Appends what the member said and asks; `call` makes the request of all turns. */
  send(text: string, call: MakeCall): void;
  /** Asks again for the last answer. */
  regenerate(call: MakeCall): void;
  stop(): void;
  clear(): void;
};
type MakeCall = (turns: readonly Turn[]) => ChatCall;

/** The turns of one conversation in memory, and the call that is under way. */
export function useConversation(orgSlug: string): Conversation {
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const [isBusy, setBusy] = useState(false);
  const running = useRef<AbortController | null>(null);
  const tokens = useMemo(
    () =>
      createTokenSource(
        async () => {
          // an ended session opens the dialog to sign in again; the conversation stays
          const result = await createMemberTokenAction(orgSlug, {}).then(noticed);
          if (!result.ok) throw new TokenRefused(result.error.message);
          return result.data;
        },
        () => performance.now(),
      ),
    [orgSlug],
  );
  useEffect(() => () => running.current?.abort(), []);

  const replace = useCallback((answer: AnswerTurn) => {
    setTurns((current) => current.map((turn) => (turn.id === answer.id ? answer : turn)));
  }, []);

  const ask = useCallback(
    async (before: readonly Turn[], makeCall: MakeCall) => {
      if (running.current) return;
      const control = new AbortController();
      running.current = control;
      const call = makeCall(before);
      let answer = newAnswer(crypto.getRandomValues(new Uint32Array(2)).join("-"), call.model);
      setTurns([...before, answer]);
      setBusy(true);
      const startedAt = performance.now();
      let drawnAt = 0;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const draw = () => {
        clearTimeout(timer);
        timer = undefined;
        drawnAt = performance.now();
        replace(answer);
      };
      for await (const event of sendChat({ tokens, fetch: (...args) => fetch(...args) }, call, control.signal)) {
        const elapsedMs = performance.now() - startedAt;
        if (event.type === "start") {
          const { requestId, provider } = event;
          answer = { ...answer, requestId, provider };
        } else answer = withEvent(answer, event, elapsedMs);
        timer ??= setTimeout(draw, Math.max(0, DRAW_EVERY_MS - (performance.now() - drawnAt)));
      }
      answer = { ...answer, totalMs: performance.now() - startedAt };
      if (control.signal.aborted) answer = { ...answer, state: "stopped" };
      else if (answer.state !== "failed") answer = { ...answer, state: "done" };
      answer = { ...answer, awaitsCharge: needsCharge(answer) };
      draw();
      running.current = null;
      setBusy(false);
      if (!answer.awaitsCharge) return;
      const charge = await waitForCharge(orgSlug, answer.requestId ?? "");
      replace({ ...(charge ? withCharge(answer, charge) : answer), awaitsCharge: false });
    },
    [orgSlug, replace, tokens],
  );

  return {
    turns,
    isBusy,
    send: (text, call) => {
      const id = crypto.getRandomValues(new Uint32Array(2)).join("-");
      void ask([...turns, { id, role: "user", text }], call);
    },
    regenerate: (call) => {
      const lastUser = turns.findLastIndex(({ role }) => role === "user");
      if (lastUser >= 0) void ask(turns.slice(0, lastUser + 1), call);
    },
    stop: () => running.current?.abort(),
    clear: () => {
      running.current?.abort();
      setTurns([]);
    },
  };
}

/** Null where the ledger has nothing after a while: then it stays unknown, which is not zero. */
async function waitForCharge(orgSlug: string, requestId: string): Promise<Charge | null> {
  for (const waitMs of CHARGE_WAITS_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const result = await findChargeAction(orgSlug, { requestId }).catch(() => null);
    if (result?.ok && result.data) return result.data;
  }
  return null;
}
