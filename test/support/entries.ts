/** Entries of a `deployments.yaml` that need no build, as text. */

/** The file with these entries, each as `entry` or `suspended` makes it. */
export function fileOf(...entries: readonly string[]): string {
  return entries.length === 0 ? 'deployments: {}\n' : `deployments:\n${entries.join('')}`;
}

/** A deployment that answers with `word`; `image` has node on its path. */
export function entry(name: string, image: string, word = name): string {
  const script = `require('http').createServer((q,s)=>s.end(process.env.WORD)).listen(process.env.PORT)`;
  return `  ${name}:\n    image: ${image}\n    start: [node, -e, "${script}"]\n    env: { WORD: ${word} }\n`;
}

/** One that costs a network and a vhost only. */
export function suspended(name: string, image: string): string {
  return `  ${name}:\n    image: ${image}\n    suspend: true\n`;
}
