import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  createDraftWriter,
  createTargetFiles,
  createThreadStore,
  nodeDisk,
  openFolderStore,
} from '../src/index.ts';
import { isRoot, runAsNobody } from './as-nobody.ts';
import { expectCode, textMatching } from './expect-code.ts';
import { tempFolder } from './temp-folder.ts';
import { random } from './unique-names.ts';

const run = promisify(execFile);

describe('a store somebody else owns', () => {
  test('can be read where it cannot be written', async (context) => {
    if (!isRoot) return context.skip('NOT ROOT: permission tests run as another user');
    await using folder = await tempFolder();
    await chmod(folder.path, 0o755);
    await using store = await openFolderStore({ folder: folder.path, random });
    await store.claim('catalog');
    await store.writeObject('acme/packs/p1', [new Uint8Array([1, 2, 3])]);
    await store.writeObject('acme/packs/secret', [new Uint8Array([1])]);
    await chmod(join(folder.path, 'acme/packs/secret'), 0o600);
    const found = await runAsNobody(
      `import { openFolderStore } from '@waybill/store-fs';
      const store = await openFolderStore({ folder: argument, random: { uniqueName: () => 'u'.repeat(20) } });
      const code = async (promise) => { try { await promise; return 'no error'; } catch (error) { return error.code + ': ' + error.message; } };
      console.log(JSON.stringify({
        bytes: [...await store.readRange('acme/packs/p1', { offset: 0, length: 3 })],
        claim: await store.claim('other'),
        keys: (await Array.fromAsync(store.list(''))).map(({ key }) => key),
        secret: await code(store.readRange('acme/packs/secret', { offset: 0, length: 1 })),
        write: await code(store.writeObject('acme/packs/p2', [])),
        draft: await code(store.createDraft({ entity: 'acme', ingestId: 'i1' })),
        remove: await code(store.remove('acme/packs/p1')),
      }));`,
      folder.path,
    );
    expect(found).toMatchObject({
      bytes: [1, 2, 3],
      claim: 'catalog',
      keys: ['acme/packs/p1', 'acme/packs/secret'],
      secret: textMatching(
        /^PERMISSION: cannot read object acme\/packs\/secret in folder .*permission denied/,
      ),
      write: textMatching(/^PERMISSION: cannot write object acme\/packs\/p2/),
      draft: textMatching(/^PERMISSION: cannot make a draft/),
      remove: textMatching(/^PERMISSION: cannot remove/),
    });
  });

  test('says so when it cannot be bound, or lies where nobody may look', async (context) => {
    if (!isRoot) return context.skip('NOT ROOT: permission tests run as another user');
    await using folder = await tempFolder();
    await chmod(folder.path, 0o755);
    await mkdir(join(folder.path, 'closed/store'), { recursive: true });
    await chmod(join(folder.path, 'closed'), 0o700);
    const found = await runAsNobody(
      `import { openFolderStore } from '@waybill/store-fs';
      const random = { uniqueName: () => 'u'.repeat(20) };
      const code = async (promise) => { try { await promise; return 'no error'; } catch (error) { return error.code; } };
      console.log(JSON.stringify([
        await code((await openFolderStore({ folder: argument, random })).claim('x')),
        await code((await openFolderStore({ folder: argument + '/new/store', random })).claim('x')),
        await code(openFolderStore({ folder: argument + '/closed/store', random })),
      ]));`,
      folder.path,
    );
    expect(found).toEqual(['PERMISSION', 'PERMISSION', 'PERMISSION']);
  });
});

describe('a full disk', () => {
  test('is called so, leaves nothing behind, and everything works again with space', async (context) => {
    if (!isRoot) return context.skip('NOT ROOT: a full disk needs a small tmpfs');
    await using folder = await tempFolder();
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder.path]);
    } catch (error) {
      return context.skip(`CANNOT MOUNT a tmpfs here: ${String(error)}`);
    }
    await using mounted = new AsyncDisposableStack();
    mounted.defer(async () => {
      await run('umount', ['-l', folder.path]);
    });
    const storeFolder = join(folder.path, 'store');
    await using store = await openFolderStore({ folder: storeFolder, random });
    await store.claim('catalog');
    const megabytes = Array.from({ length: 5 }, () => new Uint8Array(1_048_576));

    const error = await expectCode(() => store.writeObject('acme/packs/p1', megabytes), 'NO_SPACE');
    expect(error.message).toMatch(
      /cannot write object acme\/packs\/p1 in folder .*no space is left.*free some/,
    );
    expect(await store.sizeOf('acme/packs/p1')).toBeUndefined();

    const drafts = createDraftWriter();
    await using draft = await store.createDraft({ entity: 'acme', ingestId: 'i1' });
    await expectCode(() => drafts.write(draft.path, 0, megabytes), 'NO_SPACE');
    await draft[Symbol.asyncDispose]();
    // The thread keeps a draft open until its turn ends, and with it the space.
    await new Promise(setImmediate);

    const target = join(folder.path, 'target');
    await mkdir(target);
    using root = createTargetFiles().openRoot(target);
    await expectCode(() => root.writeFile('small', megabytes, { replace: false }), 'NO_SPACE');
    {
      using file = root.createFile('large', { replace: false });
      await expectCode(() => {
        for (const chunk of megabytes) file.write(chunk);
      }, 'NO_SPACE');
    }
    expect(root.openFile('small').kind).toBe('missing');
    expect(root.openFile('large').kind).toBe('missing');

    await store.writeObject('acme/packs/p1', megabytes.slice(0, 1));
    using object = await createThreadStore({ folder: storeFolder }).open('acme/packs/p1');
    await object.read(new Uint8Array(1_048_576), 0);
    const keys = (await Array.fromAsync(store.list(''))).map(({ key }) => key);
    expect(keys).toEqual(['acme/packs/p1']);
  });
});

describe('a store whose disk fails', () => {
  test('reports what it was doing, and is no worse for it', async () => {
    await using folder = await tempFolder();
    const broken = Object.assign(new Error('i/o error'), { code: 'EIO' });
    let fails = false;
    await using store = await openFolderStore({
      folder: folder.path,
      random,
      disk: {
        ...nodeDisk,
        syncFolder: async (path) => {
          if (fails) throw broken;
          await nodeDisk.syncFolder(path);
        },
      },
    });
    await store.writeObject('acme/packs/p1', []);
    fails = true;
    const error = await expectCode(() => store.writeObject('acme/packs/p2', [new Uint8Array(1)]), 'IO');
    expect(error.cause).toBe(broken);
    expect(error.message).toContain('EIO');
    await using draft = await store.createDraft({ entity: 'acme', ingestId: 'i' }).catch(() => ({
      path: '',
      [Symbol.asyncDispose]: async () => {},
    }));
    expect(draft.path).toBe('');
    fails = false;
    expect(await store.sizeOf('acme/packs/p2')).toBeUndefined();
    await store.writeObject('acme/packs/p2', [new Uint8Array(1)]);
  });

  test('keeps a draft that could not be published, and publishes it later', async () => {
    await using folder = await tempFolder();
    let failing = '';
    const failWhen = (effect: string): void => {
      if (failing === effect) throw Object.assign(new Error(effect), { code: 'EIO' });
    };
    await using store = await openFolderStore({
      folder: folder.path,
      random,
      faults: { reach: failWhen },
    });
    await store.writeObject('acme/packs/p1', []);
    await using draft = await store.createDraft({ entity: 'acme', ingestId: 'i' });
    await writeFile(draft.path, 'x');
    for (failing of ['store.sync', 'store.link']) {
      await expectCode(() => draft.publish('acme/packs/p2'), 'IO');
      expect(await store.sizeOf('acme/packs/p2')).toBeUndefined();
    }
    failing = '';
    await draft.publish('acme/packs/p2');
    expect(await store.sizeOf('acme/packs/p2')).toBe(1);
  });
});
