// What the tests share.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

export const ACCOUNT = "000000000000";

let number = 0;
export const name = (prefix) => `${prefix}-${++number}-${process.pid}`;

export const pileus = (...args) => execFileSync(process.env.PILEUS, args, { encoding: "utf8" });

export const policy = (...statements) => JSON.stringify({ Version: "2012-10-17", Statement: statements });

export const allow = (Action, Resource = "*", more = {}) => ({ Effect: "Allow", Action, Resource, ...more });

// credentials of a CreateAccessKey or AssumeRole answer
export const credentials = (k) => ({
  accessKeyId: k.AccessKeyId,
  secretAccessKey: k.SecretAccessKey ?? k.SecretKey,
  sessionToken: k.SessionToken,
});

// refused expects a call to fail with the name of an error, and returns it.
export async function refused(errorName, promise) {
  let error;
  try {
    await promise;
  } catch (e) {
    error = e;
  }
  assert.ok(error, `it should be refused with ${errorName}`);
  assert.equal(error.name, errorName, `${error.name}: ${error.message}`);
  return error;
}
