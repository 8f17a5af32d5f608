/** What a compared file turned out to be; the numbers are those of `CompareFilesOutput`. */
export const COMPARED = {
  same: 0,
  missing: 1,
  different: 2,
  notAFile: 3,
  throughLink: 4,
  unreadable: 5,
} as const;
