/** Why there is no server. */
export interface ServerSkipped {
  readonly skipped: string;
}
