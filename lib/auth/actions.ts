"use server";

import { action } from "@/lib/auth/action";
import {
  endOtherSessions,
  finishSetUp,
  joinOrg,
  openOwnOrg,
  redeemLink,
  replacePassword,
  requestCode,
  requestMagicLink,
  requestReset,
  reset,
  setUp,
  signIn,
  signInAgain,
  signInByProvider,
  signOut,
  signUp,
  verify,
} from "@/lib/auth/flows";
import { revokeSessions, updateProfile } from "@/lib/auth/mutations";
import {
  addressInput,
  codeInput,
  finishSetupInput,
  linkInput,
  newOrgInput,
  nothing,
  passwordInput,
  profileInput,
  providerInput,
  resetInput,
  sessionInput,
  setupInput,
  signInInput,
  signOutInput,
  signUpInput,
  tokenInput,
} from "@/lib/auth/schema";

export const signInAction = action(signInInput, signIn, { scope: "public" });
export const signInAgainAction = action(signInInput, signInAgain, { scope: "public" });
export const signInByProviderAction = action(providerInput, signInByProvider, { scope: "public" });
export const signOutAction = action(signOutInput, signOut, { scope: "public" });
export const signUpAction = action(signUpInput, signUp, { scope: "public" });
export const verifyAction = action(codeInput, verify, { scope: "public" });
export const resendCodeAction = action(nothing, requestCode, { scope: "public" });
export const requestOwnCodeAction = action(nothing, requestCode, { scope: "user" });
export const requestResetAction = action(addressInput, requestReset, { scope: "public" });
export const resetAction = action(resetInput, reset, { scope: "public" });
export const requestMagicLinkAction = action(addressInput, requestMagicLink, { scope: "public" });
export const redeemLinkAction = action(linkInput, redeemLink, { scope: "public" });
export const newOrgAction = action(newOrgInput, openOwnOrg, { scope: "user" });
export const joinOrgAction = action(tokenInput, joinOrg, { scope: "user" });
export const updateProfileAction = action(profileInput, updateProfile, {
  scope: "user",
  revalidate: "/[org]/settings",
});
export const changePasswordAction = action(passwordInput, replacePassword, { scope: "user" });
export const endSessionAction = action(sessionInput, revokeSessions, { scope: "user", revalidate: "/[org]/settings" });
export const endOtherSessionsAction = action(nothing, endOtherSessions, {
  scope: "user",
  revalidate: "/[org]/settings",
});
export const setUpAction = action(setupInput, setUp, { scope: "public" });
export const finishSetUpAction = action(finishSetupInput, finishSetUp, { scope: "user" });
