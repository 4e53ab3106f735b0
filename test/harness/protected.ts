// A cluster under the protection of Hindsight, and copies of it restored beside it: what most tests begin with.
//
//     await using site = await protectCluster({ major });
//     await site.workspace.succeed(["backup", "--type=full"]);
//     await using copy = await site.restore("copy", ["--type=name", "--target=before"]);
//     await copy.start();
import { type Cluster, type ClusterOptions, openCluster, startCluster } from "./cluster.ts";
import type { CommandResult } from "./command.ts";
import type { ConfigSections } from "./config-file.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

/** Production, its repository and its configuration. Disposing of it removes everything. */
export interface ProtectedSite extends AsyncDisposable {
  readonly workspace: Workspace;
  readonly production: Cluster;
  /** Takes a backup, a full one unless told otherwise, and returns its label. */
  backUp(type?: "full" | "diff" | "incr"): Promise<string>;
  /** Restores into a new directory of that name; the cluster is not started. Throws unless the command exits 0. */
  restore(name: string, parameters: readonly string[]): Promise<Cluster>;
  /** Runs the restore, whatever comes of it. */
  tryRestore(name: string, parameters: readonly string[]): Promise<CommandResult>;
}

/** Starts a cluster with archiving on and creates its stanza. */
export async function protectCluster(
  options: ClusterOptions,
  configuration: ConfigSections = {},
): Promise<ProtectedSite> {
  const workspace = await createWorkspace();
  try {
    const { archiveCommand } = workspace;
    const production = await startCluster({ archiveCommand, ...options, workspace });
    await workspace.configure(production, configuration);
    await workspace.succeed(["stanza-create"]);
    return siteOf(workspace, production);
  } catch (error) {
    await workspace[Symbol.asyncDispose]();
    throw error;
  }
}

function siteOf(workspace: Workspace, production: Cluster): ProtectedSite {
  const tryRestore = (name: string, parameters: readonly string[]): Promise<CommandResult> =>
    workspace.run([`--pg1-path=${workspace.path(name)}`, ...parameters, "restore"]);
  return {
    workspace,
    production,
    tryRestore,
    backUp: async (type = "full") => {
      const result = await workspace.succeed([`--type=${type}`, "--output=json", "backup"]);
      return (JSON.parse(result.stdout) as { label: string }).label;
    },
    restore: async (name, parameters) => {
      await workspace.succeed([`--pg1-path=${workspace.path(name)}`, ...parameters, "restore"]);
      const { major } = production;
      return openCluster({ workspace, major, dataDirectory: workspace.path(name), name });
    },
    [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose](),
  };
}
