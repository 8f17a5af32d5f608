import { ArtifactError, decodeError, encodeError, invariant, throwIfCancelled } from '@waybill/core';
import { describe, expect, it } from 'vitest';

describe('errors', () => {
  it('survive being data', () => {
    const error = new ArtifactError('NO_SPACE', 'disk full', {
      cause: new RangeError('inner'),
      details: { subject: 'x' },
    });
    const back = decodeError(structuredClone(encodeError(error)));
    expect(back).toBeInstanceOf(ArtifactError);
    expect(back).toMatchObject({
      code: 'NO_SPACE',
      message: 'disk full',
      retryable: true,
      details: { subject: 'x' },
    });
    expect(back.stack).toBe(error.stack);
    expect(back.cause).toMatchObject({ code: 'INTERNAL', message: 'inner' });
  });

  it('encode anything that can be thrown', () => {
    expect(encodeError('text')).toMatchObject({ code: 'INTERNAL', message: 'text' });
    const loop = new Error('loop');
    loop.cause = loop;
    expect(encodeError(loop).cause?.message).toBe('loop');
  });

  it('cancellation keeps the reason', () => {
    expect(() => throwIfCancelled(undefined)).not.toThrow();
    expect(() => throwIfCancelled(AbortSignal.abort('enough'))).toThrow(
      expect.objectContaining({ code: 'CANCELLED', cause: 'enough' }),
    );
    const reason = new ArtifactError('NO_SPACE', 'full');
    expect(() => throwIfCancelled(AbortSignal.abort(reason))).toThrow(reason);
  });

  it('invariants carry their id', () => {
    expect(() => invariant(false, 'some-id', 'broken')).toThrow('some-id');
  });
});
