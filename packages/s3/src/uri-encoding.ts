const UNRESERVED = /^[A-Za-z0-9_.~-]*$/;
const UNRESERVED_PATH = /^[A-Za-z0-9_.~/-]*$/;

/** Percent-encodes every UTF-8 byte but RFC 3986's unreserved characters: `UriEncode` of the SigV4 specification. */
export function encodeUriPart(text: string): string {
  if (UNRESERVED.test(text)) return text;
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The same for a path, whose slashes stay. S3 encodes once and normalises nothing. */
export function encodeUriPath(path: string): string {
  if (UNRESERVED_PATH.test(path)) return path;
  return path.split('/').map(encodeUriPart).join('/');
}

export type Query = readonly (readonly [name: string, value: string])[];

/** A query as it is both signed and sent: encoded, in byte order of encoded names, `=` behind every name. */
export function encodeQuery(query: Query): string {
  return query
    .map(([name, value]) => [encodeUriPart(name), encodeUriPart(value)] as const)
    .toSorted(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}
