/**
 * Deliveries as GitHub sends them: the payloads that @octokit/webhooks-examples recorded, signed by our own HMAC and
 * sent with GitHub's headers. Its push examples are tags, deletions and a branch's creation, so an ordinary push to a
 * branch is made of one of those with the fields that tell it apart changed.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

export type Payload = Readonly<Record<string, unknown>>;

export interface Delivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

interface Example {
  readonly name: string;
  readonly examples: readonly Payload[];
}

// A JSON import warns on Node 20.
const ALL: readonly Example[] = createRequire(import.meta.url)('@octokit/webhooks-examples');

/** Every recorded payload of an event. */
export function examplesOf(event: string): readonly Payload[] {
  return ALL.find(({ name }) => name === event)?.examples ?? [];
}

/** One recorded payload of every event. */
export function oneOfEach(): readonly { readonly event: string; readonly payload: Payload }[] {
  return ALL.flatMap(({ name, examples }) =>
    examples.slice(0, 1).map((payload) => ({ event: name, payload })),
  );
}

export interface Push {
  /** Address of the repo, as `html_url` has it. */
  readonly repo: string;
  readonly after: string;
  /** Default `refs/heads/main`. */
  readonly ref?: string;
  readonly defaultBranch?: string;
  readonly fork?: boolean;
}

/** An ordinary push: one new commit on a branch that was there before. */
export function pushOf({
  repo,
  after,
  ref = 'refs/heads/main',
  defaultBranch = 'main',
  fork = false,
}: Push): Payload {
  const example = examplesOf('push').find((one) => one.ref === 'refs/heads/master' && one.deleted === false);
  if (!example) throw new Error('there is no example of a push to a branch');
  const fullName = new URL(repo).pathname.slice(1);
  const commit = { id: after, message: 'change', timestamp: '2026-01-01T00:00:00Z', distinct: true };
  return {
    ...example,
    ...{ ref, after, before: 'b'.repeat(40), created: false, deleted: /^0+$/.test(after), base_ref: null },
    ...{ commits: [commit], head_commit: commit, compare: `${repo}/compare/bbbbbbbbbbbb...${after}` },
    repository: {
      ...(example.repository as Payload),
      ...{ full_name: fullName, name: fullName.split('/').at(-1), fork },
      ...{ html_url: repo, clone_url: `${repo}.git`, url: repo, default_branch: defaultBranch },
    },
  };
}

/** As GitHub would send it; what is no text is written as JSON. `more` replaces headers. */
export function delivery(
  secret: string,
  event: string,
  payload: unknown,
  more: Readonly<Record<string, string>> = {},
): Delivery {
  const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
  return {
    body,
    headers: {
      'user-agent': 'GitHub-Hookshot/044aadd',
      accept: '*/*',
      'content-type': 'application/json',
      'x-github-delivery': randomUUID(),
      'x-github-event': event,
      'x-github-hook-id': '292430182',
      'x-hub-signature': `sha1=${hmac('sha1', secret, body)}`,
      'x-hub-signature-256': signatureOf(secret, body),
      ...more,
    },
  };
}

/** `sha256=…` of the raw bytes. */
export function signatureOf(secret: string, body: string | Buffer): string {
  return `sha256=${hmac('sha256', secret, body)}`;
}

/** Sends it, and gives the answer. */
export async function send(
  url: string,
  { headers, body }: Delivery,
): Promise<{ readonly status: number; readonly body: unknown; readonly headers: Headers }> {
  const answer = await fetch(`${url}/webhooks/github`, { method: 'POST', headers, body });
  return { status: answer.status, body: await answer.json(), headers: answer.headers };
}

function hmac(algorithm: string, secret: string, body: string | Buffer): string {
  return createHmac(algorithm, secret).update(body).digest('hex');
}
