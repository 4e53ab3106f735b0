// The mark of a directory into which only a part of a cluster was restored. Whatever works on a data directory and would
// take it for the cluster asks for it.

/** The file that marks such a directory; it says what was restored and which relations are holes. */
export const PARTIAL_CLUSTER_FILE = "hindsight.partial";

/** What the file says, as JSON. */
export interface PartialCluster {
  readonly about: string;
  /** Label of the backup. */
  readonly backup: string;
  /** What was asked for, as it was written. */
  readonly included: readonly string[];
  readonly excluded: readonly string[];
  /** `database.schema.name` of every relation whose files are holes. */
  readonly holes: readonly string[];
}
