/** What analysis finds: how an image comes out of a directory, as data and in words. */

/** A Dockerfile of the repo, used as it is. `dockerfile` is relative to the directory. */
export interface DockerfilePlan {
  readonly kind: 'dockerfile';
  readonly dockerfile: string;
  /** For people: `Dockerfile`. */
  readonly summary: string;
}

/** A Dockerfile that Berth renders from `templates/`. */
export interface PresetPlan {
  readonly kind: 'preset';
  readonly recipe: Recipe;
  /** For people: `node 20, npm ci, npm start`. */
  readonly summary: string;
}

export type BuildPlan = DockerfilePlan | PresetPlan;

export type Recipe = NodeRecipe | StaticRecipe | PythonRecipe | GoRecipe;

interface Steps {
  /** Copied before all else, so that a change of other files leaves the installed packages cached. Empty: all at once. */
  readonly manifests: readonly string[];
  /** Names of build arguments; their values are environment of the build command. */
  readonly args: readonly string[];
  readonly install?: string;
  readonly build?: string;
  /** Patterns of files that never belong in the image, as in a `.dockerignore`. */
  readonly ignore: readonly string[];
}

export interface NodeRecipe extends Steps {
  readonly preset: 'node';
  readonly bases: { readonly node: string };
  /** Package manager to install with npm first, such as `pnpm@9.1.0`. */
  readonly tool?: string;
  /** Removes what only the build needed. */
  readonly prune?: string;
  /** Absent: the file's `start` says it. */
  readonly start?: readonly string[];
}

export interface StaticRecipe extends Steps {
  readonly preset: 'static';
  readonly bases: { readonly node: string };
  readonly tool?: string;
  /** Directories in order of preference; the first with an `index.html` is served, a single one in any case. */
  readonly roots: readonly string[];
  /** Unknown paths get `index.html`, as an app with routes of its own expects, unless there is a `404.html`. */
  readonly fallback: boolean;
}

export interface PythonRecipe extends Steps {
  readonly preset: 'python';
  readonly bases: { readonly python: string };
  readonly start?: readonly string[];
}

export interface GoRecipe extends Steps {
  readonly preset: 'go';
  readonly bases: { readonly go: string; readonly runtime: string };
  readonly build: string;
}
