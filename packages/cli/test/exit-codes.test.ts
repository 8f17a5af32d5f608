import { ArtifactError, ERROR_CODES, type ErrorCode } from '@waybill/core';
import { expect, test } from 'vitest';
import { exitCodeOf } from '../src/exit-codes.ts';

const EXPECTED: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 2,
  INVALID_NAME: 2,
  INVALID_ALIAS: 2,
  INVALID_METADATA: 2,
  INVALID_GLOB: 2,
  INVALID_PATH: 1,
  NOT_FOUND: 3,
  SOURCE_NOT_FOUND: 3,
  SOURCE_UNREADABLE: 1,
  SOURCE_CHANGED: 1,
  SOURCE_LEFT_OUT: 1,
  PATH_CONFLICT: 5,
  TYPE_CONFLICT: 5,
  ALIAS_CONFLICT: 5,
  STATE_CONFLICT: 5,
  BUSY: 5,
  TARGET_CONFLICT: 5,
  OBJECT_EXISTS: 5,
  CORRUPT: 4,
  MISSING_BLOB: 4,
  VERIFY_FAILED: 4,
  NO_SPACE: 1,
  PERMISSION: 1,
  IO: 1,
  UNSUPPORTED: 1,
  TOO_NEW: 1,
  LIMIT_EXCEEDED: 1,
  CANCELLED: 1,
  INGEST_FAILED: 1,
  INTERNAL: 1,
};

test('every error code has its exit status', () => {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  expect(Object.fromEntries(codes.map((code) => [code, exitCodeOf(new ArtifactError(code, 'x'))]))).toEqual(
    EXPECTED,
  );
});

test('what is no ArtifactError is a failure', () => {
  expect(exitCodeOf(new TypeError('x'))).toBe(1);
  expect(exitCodeOf('x')).toBe(1);
});
