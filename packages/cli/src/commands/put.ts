import {
  ArtifactError,
  type ArtifactName,
  assertAlias,
  assertArtifactType,
  type DigestAlgorithm,
  formatArtifactName,
  type IngestOptions,
  type NameDefaults,
  parseArtifactName,
  parseDigestAlgorithm,
} from '@waybill/core';
import type { Embedded } from '@waybill/embedded';
import type { IngestRequest } from '@waybill/pipeline';
import type { Command } from 'commander';
import { checkArgument, parseFolder } from '../check-argument.ts';
import { collect, finishCommand, type RunAction } from '../command-definition.ts';
import type { CommandContext } from '../context.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { runIngest } from '../run-ingest.ts';
import { readDescription, readMetadata } from '../text-argument.ts';

const EXAMPLES = [
  'waybill put ./photos --name photos --type dataset',
  'waybill put model.onnx vocab.txt --name team/vision/detector --type model --alias best',
  'waybill put ./photos --name photos --exclude "**/*.tmp" --into 2026/may --metadata @facts.json',
  'waybill put file:///data/archive --name archive --type dataset   # hashed and recorded, not stored',
];

/** What the parser hands over. */
export interface PutFlags {
  readonly name: string;
  readonly type?: string;
  readonly alias?: readonly string[];
  readonly description?: string;
  readonly metadata?: string;
  readonly into?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly digest?: string;
  readonly strict?: boolean;
  readonly force?: boolean;
  readonly reuseAny?: boolean;
  readonly cache: boolean;
  readonly followLinks: boolean;
  readonly json?: boolean;
}

export function definePut(command: Command, run: RunAction): void {
  command
    .argument(
      '<path...>',
      'files and directories; file://PATH is recorded as references: hashed, but not stored',
    )
    .requiredOption('-n, --name <name>', 'artifact, as [[ENTITY/]PROJECT/]NAME')
    .option('-t, --type <type>', 'type of the artifact (dataset, model, ...); needed the first time')
    .option('-a, --alias <alias>', 'also give the version this alias (repeatable)', collect)
    .option('--description <text>', 'Markdown, or @FILE to read it from')
    .option('--metadata <json>', 'JSON object, or @FILE to read it from')
    .option('--into <dir>', 'put everything into this folder of the version')
    .option(
      '--include <glob>',
      'take only files that match, by their path below the folder given (repeatable)',
      collect,
    )
    .option('--exclude <glob>', 'leave out files and folders that match, by that path (repeatable)', collect)
    .option('--digest <algorithm>', 'md5 (default) or xxh128; fixed by the first version')
    .option('--strict', 'fail instead of leaving out broken links, sockets and the like')
    .option('--force', 'make a version even when the content equals the latest one')
    .option('--reuse-any', 'make no version when any version has this content, not only the latest')
    .option('--no-cache', 'hash every file, also those unchanged since the last time')
    .option('--no-follow-links', 'leave out links to directories')
    .addHelpText(
      'after',
      '\nGlobs see the path as it is below each PATH, without the folder of --into; a file given by itself, its name.',
    );
  finishCommand(command, EXAMPLES).action(async (paths: string[], flags: PutFlags) => {
    await run(flags, async (context) => runPut(context, paths, flags));
  });
}

async function runPut(context: CommandContext, paths: readonly string[], flags: PutFlags): Promise<ExitCode> {
  const wish = parsePutFlags(flags, context.config.names);
  const description = flags.description === undefined ? undefined : await readDescription(flags.description);
  const metadata = flags.metadata === undefined ? undefined : await readMetadata(flags.metadata);
  const ports = await context.open({ startThreads: true });
  const request: IngestRequest = {
    artifact: wish.artifact,
    type: wish.type ?? (await typeOfExisting(ports, wish.artifact)),
    aliases: wish.aliases,
    description,
    metadata,
    digestAlgorithm: wish.digestAlgorithm,
    paths,
    into: wish.into,
    workingFolder: context.workingFolder,
    options: wish.options,
  };
  const { ingest } = await import('@waybill/pipeline');
  await runIngest(context, async (options) => ingest(ports, request, options));
  return EXIT_CODES.done;
}

/** The checked part of the flags that needs neither files nor catalog. */
export interface PutWish {
  readonly artifact: ArtifactName;
  readonly type: string | undefined;
  readonly aliases: readonly string[];
  readonly digestAlgorithm: DigestAlgorithm | undefined;
  /** Folder of the version; empty for the top. */
  readonly into: string;
  readonly options: IngestOptions;
}

/** @throws ArtifactError `INVALID_NAME`, `INVALID_ALIAS`, `INVALID_ARGUMENT` */
export function parsePutFlags(flags: PutFlags, defaults: NameDefaults): PutWish {
  const { type, digest } = flags;
  const artifact = checkArgument('--name', () => parseArtifactName(flags.name, defaults));
  if (type !== undefined) checkArgument('--type', () => assertArtifactType(type, artifact.name));
  const aliases = [...new Set(flags.alias)];
  for (const alias of aliases) checkArgument('--alias', () => assertAlias(alias));
  if (flags.force === true && flags.reuseAny === true) {
    throw new ArtifactError('INVALID_ARGUMENT', '--force and --reuse-any exclude each other; give one');
  }
  return {
    artifact,
    type,
    aliases,
    digestAlgorithm:
      digest === undefined ? undefined : checkArgument('--digest', () => parseDigestAlgorithm(digest)),
    into: parseFolder('--into', flags.into ?? ''),
    options: {
      include: flags.include ?? [],
      exclude: flags.exclude ?? [],
      followLinks: flags.followLinks,
      strict: flags.strict === true,
      useStatCache: flags.cache,
      reuse: flags.force === true ? 'never' : flags.reuseAny === true ? 'any' : 'latest',
    },
  };
}

/** The type may be left out once the artifact has one. */
async function typeOfExisting(ports: Embedded, artifact: ArtifactName): Promise<string> {
  const existing = await ports.catalog.getArtifact(artifact);
  if (existing !== undefined) return existing.type;
  throw new ArtifactError(
    'INVALID_ARGUMENT',
    `artifact ${formatArtifactName(artifact)} is new and needs a type; add --type, as in --type dataset`,
  );
}
