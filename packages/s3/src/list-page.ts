import { xmlElements, xmlText } from './scan-xml.ts';

export interface ListedObject {
  /** Whole key in the bucket. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Server's time, ISO 8601. */
  readonly modifiedAt: string;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  readonly isTruncated: boolean;
  readonly continuationToken: string | undefined;
}

/** An answer of ListObjectsV2; `undefined` for a text that is none or is cut off. */
export function parseListPage(xml: string): ListPage | undefined {
  const truncated = xmlText(xml, 'IsTruncated');
  if (truncated === undefined || !xml.includes('</ListBucketResult>')) return undefined;
  const isEncoded = xmlText(xml, 'EncodingType') === 'url';
  const objects: ListedObject[] = [];
  for (const content of xmlElements(xml, 'Contents')) {
    const object = parseObject(content, isEncoded);
    if (object === undefined) return undefined;
    objects.push(object);
  }
  return {
    objects,
    isTruncated: truncated === 'true',
    continuationToken: xmlText(xml, 'NextContinuationToken'),
  };
}

function parseObject(content: string, isEncoded: boolean): ListedObject | undefined {
  const name = xmlText(content, 'Key');
  const sizeBytes = Number(xmlText(content, 'Size'));
  if (name === undefined || !Number.isSafeInteger(sizeBytes)) return undefined;
  const key = isEncoded ? decodeListedKey(name) : name;
  return { key, sizeBytes, modifiedAt: xmlText(content, 'LastModified') ?? '' };
}

/** `encoding-type=url` is form encoding: AWS writes a space as `+`, others as `%20`. */
function decodeListedKey(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    // Not UTF-8, so no key of ours.
    return text;
  }
}
