import { ArtifactError, type IngestStats, type NoticeRecord } from '@waybill/core';
import type { IngestOutcome, IngestRunOptions } from '@waybill/pipeline';
import type { CommandContext } from './context.ts';
import { LEFT_OUT_SHOWN, leftOutPages } from './left-out.ts';
import { originalError } from './original-error.ts';
import { showIngest } from './progress-text.ts';
import { versionIdentityJson } from './records-json.ts';
import { aliasesText, contentText, factLines, leftOutLines, versionName } from './render-version.ts';
import { formatBytes, formatCounted, formatSeconds, type Paint } from './text.ts';

/** Runs an ingest, new or taken up again, shows how far it is, and reports its version. */
export async function runIngest(
  context: CommandContext,
  execute: (options: IngestRunOptions) => Promise<IngestOutcome>,
): Promise<void> {
  const outcome = await executeShown(context, execute);
  const { catalog } = await context.open();
  const { ingestId } = outcome.ingest;
  const pages = leftOutPages(catalog, ingestId, { signal: context.signal });
  if (context.json) {
    await context.report.members({ ...versionIdentityJson(outcome.version), created: outcome.created });
    await context.report.array('skipped', skippedBlocks(pages));
    await context.report.members({ stats: statsJson(outcome.ingest.stats, outcome.seconds) });
    await context.report.end();
    return;
  }
  const shown: NoticeRecord[] = [];
  for await (const page of pages) {
    shown.push(...page.slice(0, LEFT_OUT_SHOWN - shown.length));
    if (shown.length >= LEFT_OUT_SHOWN) break;
  }
  await context.output.write(outcomeText(outcome, shown, context.paint));
}

async function executeShown(
  context: CommandContext,
  execute: (options: IngestRunOptions) => Promise<IngestOutcome>,
): Promise<IngestOutcome> {
  using display = await context.openProgress();
  const show = showIngest(display);
  let ingestId: string | undefined;
  try {
    return await execute({
      signal: context.signal,
      onProgress: (progress) => {
        ingestId = progress.ingestId;
        show(progress);
      },
    });
  } catch (caught) {
    const error = originalError(caught);
    // Cancelled by somebody else it is over: only a stop of this command leaves something to go on with.
    throw context.signal.aborted ? interruptedError(error, ingestId) : error;
  }
}

/** Tells, when an ingest was stopped, how to go on. */
function interruptedError(error: unknown, ingestId: string | undefined): unknown {
  if (ingestId === undefined || !(error instanceof ArtifactError) || error.code !== 'CANCELLED') return error;
  return new ArtifactError(
    'CANCELLED',
    `stopped; "waybill resume ${ingestId}" or the same put again goes on from here`,
    { cause: error, details: { ...error.details, ingestId } },
  );
}

async function* skippedBlocks(
  pages: AsyncIterable<readonly NoticeRecord[]>,
): AsyncGenerator<{ path: string; reason: string }[]> {
  for await (const page of pages) yield page.map(({ path, reason }) => ({ path, reason }));
}

function statsJson(stats: IngestStats, seconds: number): Readonly<Record<string, number>> {
  return {
    files: stats.files,
    bytes: stats.bytes,
    filesHashed: stats.filesHashed,
    bytesHashed: stats.bytesHashed,
    blobsStored: stats.blobsStored,
    bytesStored: stats.bytesStored,
    seconds: Math.round(seconds * 1_000) / 1_000,
  };
}

export function outcomeText(outcome: IngestOutcome, shown: readonly NoticeRecord[], paint: Paint): string {
  const { version, created, ingest, leftOut, seconds } = outcome;
  const { stats } = ingest;
  const name = paint('bold', versionName(version));
  const head = created
    ? `${paint('green', 'committed')} ${name}: ${contentText(version)}\n`
    : `${paint('green', 'unchanged')} ${name} has this content already; no version was made\n`;
  const rate = seconds > 0 ? `, ${formatCounted(Math.round(stats.files / seconds), 'file')}/s` : '';
  const facts = factLines([
    ['digest', `${version.digest} (${version.digestAlgorithm})`],
    ['aliases', aliasesText(version.aliases)],
    ['hashed', `${formatCounted(stats.filesHashed, 'file')}, ${formatBytes(stats.bytesHashed)}`],
    ['stored', `${formatCounted(stats.blobsStored, 'blob')}, ${formatBytes(stats.bytesStored)}`],
    ['time', `${formatSeconds(seconds)}${rate}`],
  ]);
  const hint = '--json lists all of them';
  return head + facts + leftOutLines({ count: leftOut, shown, hint }, paint);
}
