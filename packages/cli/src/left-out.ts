import type { IngestCatalog, NoticeRecord } from '@waybill/core';

const NOTICES_PER_PAGE = 1_000;
/** What people are shown at once; all of it is in `--json`. */
export const LEFT_OUT_SHOWN = 20;

/** Everything that an ingest left out, in pages. */
export async function* leftOutPages(
  catalog: Pick<IngestCatalog, 'listNotices'>,
  ingestId: string,
  options: { readonly signal: AbortSignal },
): AsyncGenerator<NoticeRecord[]> {
  let after: number | undefined;
  for (;;) {
    const page = await catalog.listNotices(
      { ingestId, severity: 'left-out', after, limit: NOTICES_PER_PAGE },
      options,
    );
    if (page.length > 0) yield page;
    after = page.at(-1)?.noticeId;
    if (page.length < NOTICES_PER_PAGE || after === undefined) return;
  }
}
