import { ArtifactError } from '@waybill/core';
import { describe, expect, test } from 'vitest';
import { type Environment, parseConfig } from '../src/config.ts';

const DEFAULTS = { workingFolder: '/data/here', defaultHome: '/var/lib/waybill' };

function parse(env: Environment) {
  return parseConfig(env, DEFAULTS);
}

function problemsOf(env: Environment): { code: string; problems: unknown } {
  try {
    parse(env);
  } catch (error) {
    if (error instanceof ArtifactError) return { code: error.code, problems: error.details['problems'] };
  }
  throw new Error('no ArtifactError was thrown');
}

describe('parseConfig', () => {
  test('without variables', () => {
    expect(parse({})).toEqual({
      home: '/var/lib/waybill',
      storeFolder: undefined,
      names: { entity: 'local', project: 'default' },
      logLevel: 'warn',
      threads: undefined,
      color: undefined,
    });
  });

  test('a variable set to nothing counts as not set', () => {
    const names = ['HOME', 'STORE', 'ENTITY', 'PROJECT', 'LOG', 'THREADS'].map((name) => `WAYBILL_${name}`);
    const empty = Object.fromEntries([...names, 'NO_COLOR', 'FORCE_COLOR'].map((name) => [name, '']));
    expect(parse(empty)).toEqual(parse({}));
  });

  test('every variable', () => {
    const config = parse({
      WAYBILL_HOME: 'home',
      WAYBILL_STORE: '/mnt/store',
      WAYBILL_ENTITY: 'team',
      WAYBILL_PROJECT: 'vision',
      WAYBILL_LOG: 'debug',
      WAYBILL_THREADS: '12',
      FORCE_COLOR: '1',
    });
    expect(config).toEqual({
      home: '/data/here/home',
      storeFolder: '/mnt/store',
      names: { entity: 'team', project: 'vision' },
      logLevel: 'debug',
      threads: 12,
      color: true,
    });
  });

  test('the result cannot be changed', () => {
    const config = parse({});
    expect(() => Object.assign(config, { home: '/elsewhere' })).toThrow(TypeError);
    expect(() => Object.assign(config.names, { entity: 'other' })).toThrow(TypeError);
  });

  test.for([
    [{ NO_COLOR: '1' }, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    [{ FORCE_COLOR: '0' }, false],
    [{ FORCE_COLOR: '3' }, true],
  ] as const)('colours of %j: %s', ([env, color]) => {
    expect(parse(env).color).toBe(color);
  });

  test('a bucket is not supported yet, and nothing else is wrong', () => {
    expect(problemsOf({ WAYBILL_STORE: 's3://bucket/prefix' })).toEqual({
      code: 'UNSUPPORTED',
      problems: [
        'WAYBILL_STORE names s3://, and this version keeps its data in folders only; set it to a folder',
      ],
    });
    expect(problemsOf({ WAYBILL_STORE: 'GS://bucket' }).code).toBe('UNSUPPORTED');
  });

  test('everything that is wrong is told at once', () => {
    const { code, problems } = problemsOf({
      WAYBILL_HOME: 'a\0b',
      WAYBILL_STORE: 's3://bucket',
      WAYBILL_ENTITY: 'a/b',
      WAYBILL_PROJECT: '..',
      WAYBILL_LOG: 'loud',
      WAYBILL_THREADS: '0',
    });
    expect(code).toBe('INVALID_ARGUMENT');
    expect(problems).toEqual([
      expect.stringMatching(/^WAYBILL_HOME /),
      expect.stringMatching(/^WAYBILL_STORE /),
      expect.stringMatching(/^WAYBILL_ENTITY: /),
      expect.stringMatching(/^WAYBILL_PROJECT: /),
      expect.stringMatching(/^WAYBILL_LOG is "loud"; use one of silent, /),
      expect.stringMatching(/^WAYBILL_THREADS is "0"; /),
    ]);
  });

  test.for(['-1', '1.5', '1e3', ' 2', '99999', 'two'])('%j is no number of threads', (threads) => {
    expect(problemsOf({ WAYBILL_THREADS: threads }).code).toBe('INVALID_ARGUMENT');
  });
});
