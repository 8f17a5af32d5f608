export { createExternalSort } from './external-sort.ts';
export { createManifestFiles } from './manifest-files.ts';
export { createManifestTexts } from './manifest-texts.ts';
export { createSegmentFiles } from './segment-files.ts';
