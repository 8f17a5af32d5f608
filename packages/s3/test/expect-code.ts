import { ArtifactError, type ErrorCode } from '@waybill/core';
import { expect } from 'vitest';

/** That the call fails with an `ArtifactError` of this code; answers it. */
export async function expectCode(call: () => unknown, code: ErrorCode): Promise<ArtifactError> {
  let thrown: unknown;
  try {
    await call();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, `expected ${code}`).toBeInstanceOf(ArtifactError);
  if (!(thrown instanceof ArtifactError)) throw thrown;
  expect(thrown.code, thrown.message).toBe(code);
  return thrown;
}
