import { ArtifactError } from '@waybill/core';

/** A stored object as messages name it: `segment staging/...`, and what to do when it is damaged. */
export interface Subject {
  readonly name: string;
  readonly advice: string;
}

export function segmentSubject(name: string): Subject {
  return { name: `segment ${name}`, advice: 'run the ingest again' };
}

export function manifestSubject(name: string): Subject {
  const advice =
    'put the version again with `put --force` and delete this one, or restore the file from a backup';
  return { name: `manifest ${name}`, advice };
}

/** What is wrong with some bytes, from who does not know whose they are; {@link decodeAs} puts the name in front. */
export function formatProblem(problem: string, cause?: unknown): ArtifactError {
  return new ArtifactError('CORRUPT', problem, { cause });
}

export function corrupt(subject: Subject, problem: string, cause?: unknown): ArtifactError {
  return new ArtifactError('CORRUPT', `${subject.name} ${problem}; ${subject.advice}`, {
    cause,
    details: { subject: subject.name },
  });
}

/** Runs a decoder; whatever it throws becomes `CORRUPT` with the subject's name, but for errors of other codes. */
export function decodeAs<T>(subject: Subject, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ArtifactError && error.code !== 'CORRUPT') throw error;
    // zlib and the engine tell of buffers, not of what the user has; theirs stays underneath.
    const problem = error instanceof ArtifactError ? error.message : 'cannot be decoded';
    throw corrupt(subject, problem, error);
  }
}
