import type { DigestAlgorithm } from '@waybill/core';

export interface ObjectRow {
  readonly objectId: number;
  readonly entity: string;
  readonly key: string;
  readonly kind: 'pack' | 'blob';
  readonly ingestId: string | undefined;
  readonly collection: number | undefined;
  state: 'WRITING' | 'STORED' | 'CONDEMNED';
  algorithm: DigestAlgorithm;
  sizeBytes: number;
  usedTick: number;
  condemnedAtMs: number;
}

export interface BlobRow {
  readonly entity: string;
  readonly algorithm: DigestAlgorithm;
  readonly hex: string;
  objectId: number;
  offset: number;
  length: number;
  mark: number;
}

export interface DigestBatch {
  readonly entity: string;
  readonly algorithm: DigestAlgorithm;
  readonly digests: Uint8Array;
}

export function keyOf(entity: string, algorithm: string, hex: string): string {
  return `${entity} ${algorithm} ${hex}`;
}

export function sum(blobs: readonly BlobRow[]): { blobs: number; bytes: number } {
  return { blobs: blobs.length, bytes: blobs.reduce((bytes, { length }) => bytes + length, 0) };
}
