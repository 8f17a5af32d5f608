import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const BIN = join(import.meta.dirname, '../src/bin.ts');

function runOnNode(version: string) {
  const pretend = `data:text/javascript,${encodeURIComponent(`
    Object.defineProperty(process, 'version', { value: 'v${version}' });
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
  `)}`;
  return spawnSync(process.execPath, ['--conditions=source', '--import', pretend, BIN, '--version'], {
    encoding: 'utf8',
  });
}

test('a Node.js too old is told in one line', () => {
  const { status, stdout, stderr } = runOnNode('20.20.2');
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(
    /^waybill needs Node\.js 26 or newer and this is v20\.20\.2: run it as "npx waybill" .*\n$/,
  );
});

test('the pinned Node.js prints the version', () => {
  const { status, stdout } = runOnNode(process.versions.node);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(status).toBe(0);
});

test('the launcher needs nothing that an old Node.js cannot parse', () => {
  const code = stripTypeScriptTypes(readFileSync(BIN, 'utf8')).replaceAll(/^\s*\/\/.*$/gm, '');
  expect(code).not.toMatch(/^import\b|^\s*export\b|^await\b|\?\?|\?\.|\busing\b|#\w+[ =(;]|\b\d+n\b/m);
  expect(code).not.toMatch(/node:(?!module)/);
});
