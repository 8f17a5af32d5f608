import type { DefineCommand } from '../command-definition.ts';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Loads the command's own file: only the one that was asked for. */
  load(): Promise<DefineCommand>;
}

/** Every command, in the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'put',
    summary: 'put files and directories into a new version',
    load: async () => (await import('./put.ts')).definePut,
  },
  {
    name: 'get',
    summary: 'download a version; what is there already and right is left alone',
    load: async () => (await import('./get.ts')).defineGet,
  },
  {
    name: 'checkout',
    summary: 'make a directory exactly a version',
    load: async () => (await import('./checkout.ts')).defineCheckout,
  },
  {
    name: 'verify',
    summary: 'compare a directory with a version',
    load: async () => (await import('./verify.ts')).defineVerify,
  },
  {
    name: 'ls',
    summary: 'list artifacts, or the entries of a version',
    load: async () => (await import('./ls.ts')).defineLs,
  },
  {
    name: 'show',
    summary: 'show everything recorded about a version',
    load: async () => (await import('./show.ts')).defineShow,
  },
  {
    name: 'versions',
    summary: 'list the versions of an artifact',
    load: async () => (await import('./versions.ts')).defineVersions,
  },
  {
    name: 'diff',
    summary: 'compare two versions',
    load: async () => (await import('./diff.ts')).defineDiff,
  },
  {
    name: 'cat',
    summary: 'write one entry to standard output',
    load: async () => (await import('./cat.ts')).defineCat,
  },
  {
    name: 'manifest',
    summary: 'export the manifest of a version',
    load: async () => (await import('./manifest.ts')).defineManifest,
  },
  {
    name: 'alias',
    summary: 'move and remove aliases',
    load: async () => (await import('./alias.ts')).defineAlias,
  },
  {
    name: 'edit',
    summary: 'change the description or the metadata of a version',
    load: async () => (await import('./edit.ts')).defineEdit,
  },
  {
    name: 'delete',
    summary: 'delete a version',
    load: async () => (await import('./delete.ts')).defineDelete,
  },
  {
    name: 'gc',
    summary: 'reclaim what no version needs',
    load: async () => (await import('./gc.ts')).defineGc,
  },
  {
    name: 'resume',
    summary: 'list interrupted ingests, or finish one',
    load: async () => (await import('./resume.ts')).defineResume,
  },
  {
    name: 'cancel',
    summary: 'give up an interrupted ingest',
    load: async () => (await import('./cancel.ts')).defineCancel,
  },
  {
    name: 'store',
    summary: 'check the store, or rebuild the blob index',
    load: async () => (await import('./store.ts')).defineStore,
  },
];
