/** Bare Git repos for tests, made from a map of files by plumbing: nothing is checked out, any tree can be made. */
import { execFileSync } from 'node:child_process';

export type FileSpec =
  | string
  | Buffer
  | { readonly link: string }
  | { readonly submodule: string }
  | { readonly executable: string };

export type Files = Readonly<Record<string, FileSpec>>;

export interface CommitOptions {
  /** Default `main`. */
  readonly branch?: string;
  readonly message?: string;
  /** Without the branch's present history, as a force-push of unrelated work does. */
  readonly orphan?: boolean;
}

export interface TestRepo {
  readonly dir: string;
  /** A commit of exactly these files; the branch then points at it. */
  commit(files: Files, options?: CommitOptions): string;
  /** A commit of a tree made by hand (see `tree`). */
  commitTree(tree: string, options?: CommitOptions): string;
  /** An object id of a tree with these entries, however hostile: `git mktree` without its checks. */
  tree(entries: readonly { mode: string; name: string; oid: string }[]): string;
  blob(content: string | Buffer): string;
  tag(name: string, commit: string, options?: { annotated?: boolean }): void;
  deleteBranch(name: string): void;
  git(...args: readonly string[]): string;
}

const WHO = {
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
};

/** Makes an empty bare repo at `dir`, whose default branch is `main`. */
export function makeRepo(dir: string): TestRepo {
  const env = { PATH: process.env.PATH, ...WHO };
  const run = (args: readonly string[], input: string | Buffer = '') =>
    execFileSync('git', args, { env, input, maxBuffer: 2 ** 28, stdio: ['pipe', 'pipe', 'pipe'] });
  run(['init', '--quiet', '--bare', '--initial-branch=main', '--', dir]);
  const git = (args: readonly string[], input: string | Buffer = '') =>
    run(['--git-dir', dir, ...args], input)
      .toString()
      .trim();

  const blob = (content: string | Buffer) => git(['hash-object', '-w', '--stdin'], content);
  const tree = (entries: readonly { mode: string; name: string; oid: string }[]) => {
    const raw = entries.map(({ mode, name, oid }) =>
      Buffer.concat([Buffer.from(`${mode.replace(/^0/, '')} ${name}\0`), Buffer.from(oid, 'hex')]),
    );
    return git(['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], Buffer.concat(raw));
  };

  const write = (files: Files): string => {
    const direct: { mode: string; name: string; oid: string }[] = [];
    const below = new Map<string, Record<string, FileSpec>>();
    for (const [path, spec] of Object.entries(files)) {
      const slash = path.indexOf('/');
      if (slash === -1) direct.push({ name: path, ...object(spec, blob) });
      else {
        const name = path.slice(0, slash);
        below.set(name, { ...below.get(name), [path.slice(slash + 1)]: spec });
      }
    }
    const trees = [...below].map(([name, inner]) => ({ mode: '40000', name, oid: write(inner) }));
    // Git sorts a directory as if its name ended in a slash.
    const sortKey = ({ mode, name }: { mode: string; name: string }) =>
      mode === '40000' ? `${name}/` : name;
    const entries = [...direct, ...trees].sort((a, b) =>
      Buffer.compare(Buffer.from(sortKey(a)), Buffer.from(sortKey(b))),
    );
    return tree(entries);
  };

  const commitTree = (oid: string, { branch = 'main', message = 'change', orphan }: CommitOptions = {}) => {
    const ref = `refs/heads/${branch}`;
    const parent = orphan ? '' : git(['for-each-ref', '--format=%(objectname)', ref]);
    const commit = git(['commit-tree', oid, '-m', message, ...(parent ? ['-p', parent] : [])]);
    git(['update-ref', ref, commit]);
    return commit;
  };

  return {
    dir,
    blob,
    tree,
    commitTree,
    commit: (files, options) => commitTree(write(files), options),
    tag: (name, commit, { annotated = false } = {}) => {
      git(['tag', ...(annotated ? ['-a', '-m', name] : []), '--', name, commit]);
    },
    deleteBranch: (name) => {
      git(['update-ref', '-d', `refs/heads/${name}`]);
    },
    git: (...args) => git(args),
  };
}

/** A Git LFS pointer, as `git lfs` commits it in place of a large file. */
export const LFS_POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`;

function object(spec: FileSpec, blob: (content: string | Buffer) => string): { mode: string; oid: string } {
  if (typeof spec === 'string' || Buffer.isBuffer(spec)) return { mode: '100644', oid: blob(spec) };
  if ('link' in spec) return { mode: '120000', oid: blob(spec.link) };
  if ('submodule' in spec) return { mode: '160000', oid: spec.submodule };
  return { mode: '100755', oid: blob(spec.executable) };
}
