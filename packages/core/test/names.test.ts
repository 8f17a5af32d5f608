import {
  ArtifactError,
  assertAlias,
  assertArtifactType,
  decodeVersionId,
  encodeVersionId,
  formatVersionRef,
  parseArtifactName,
  parseVersionRef,
  versionIndexOf,
} from '@waybill/core';
import { describe, expect, it } from 'vitest';

const defaults = { entity: 'local', project: 'default' };

describe('names', () => {
  it('fills in entity, project and alias', () => {
    expect(parseArtifactName('mnist', defaults)).toEqual({
      entity: 'local',
      project: 'default',
      name: 'mnist',
    });
    expect(parseArtifactName('vision/mnist', defaults)).toEqual({
      entity: 'local',
      project: 'vision',
      name: 'mnist',
    });
    expect(formatVersionRef(parseVersionRef('acme/vision/mnist:best', defaults))).toBe(
      'acme/vision/mnist:best',
    );
    expect(parseVersionRef('mnist', defaults).alias).toBe('latest');
  });

  it.each([
    '',
    '/',
    'a/b/c/d',
    'a:b:c',
    '..',
    'a\\b',
    ' a',
    'a\n',
    'e!/p/n',
    'x'.repeat(129),
    'p/..',
    '../n',
  ])('refuses the artifact name %j', (name) => {
    expect(() => parseArtifactName(name, defaults)).toThrow(ArtifactError);
  });

  it.each(['', 'a/b', 'a:b', ' a', '\u0007', 'v1', 'v001', 'x'.repeat(129)])(
    'refuses to give the alias %j',
    (alias) => {
      expect(() => assertAlias(alias)).toThrow(expect.objectContaining({ code: 'INVALID_ALIAS' }));
    },
  );

  it.each(['latest', 'v', 'v1a', 'best model', 'V1'])('gives the alias %j', (alias) => {
    expect(() => assertAlias(alias)).not.toThrow();
  });

  it('reads version numbers', () => {
    expect(versionIndexOf('v0')).toBe(0);
    expect(versionIndexOf('v12')).toBe(12);
    expect(versionIndexOf('v01')).toBeUndefined();
    expect(versionIndexOf('latest')).toBeUndefined();
  });

  it.each([
    ['wandb-history', 'x'],
    ['job', 'x'],
    ['run_table', 'run-1'],
    ['code', 'source-1'],
    ['', 'x'],
    ['a/b', 'x'],
    [' a', 'x'],
  ])('refuses the type %j for %j', (type, name) => {
    expect(() => assertArtifactType(type, name)).toThrow(ArtifactError);
  });

  it.each(['dataset', 'model', 'run_table', 'code', 'my type.v2'])('accepts the type %j', (type) => {
    expect(() => assertArtifactType(type, 'x')).not.toThrow();
  });
});

describe('a type that is refused', () => {
  it('is refused at once, however long', () => {
    const startedMs = performance.now();
    for (const end of ['!', ' !', ',v2', '. '])
      expect(() => assertArtifactType('ab-c d'.repeat(21) + end, 'n')).toThrow(ArtifactError);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });
});

describe('version ids', () => {
  it('are canonical base64 that survives hex encoding', () => {
    expect(encodeVersionId(123)).toBe('QXJ0aWZhY3Q6MTIz');
    expect(Buffer.from(encodeVersionId(123), 'base64').toString('hex')).toBe('41727469666163743a313233');
    for (const sequence of [1, 9, 10, 99, 1e6, Number.MAX_SAFE_INTEGER]) {
      expect(decodeVersionId(encodeVersionId(sequence))).toBe(sequence);
    }
  });

  it.each(['', 'x', 'QXJ0aWZhY3Q6MA==', 'QXJ0aWZhY3Q6MDE=', 'QXJ0aWZhY3Q6', '%%%'])('refuse %j', (id) => {
    expect(() => decodeVersionId(id)).toThrow(ArtifactError);
  });
});
