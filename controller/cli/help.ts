/** What `--help` says below the options: what a command needs, what it leaves alone, and its exit codes. */
export const HELP = {
  berth: `
Settings are environment variables, or lines of a .env file in the working directory: the README lists them.
New here? \`berth doctor\` looks whether this machine has all it needs; \`berth start\` makes an example to begin with.`,

  start: `
SIGTERM or Ctrl-C ends it; the sites go on without it, and the next start takes them over.
Exit: 0 ended by a signal, 1 it could not start, 3 another controller runs on the data dir.`,

  once: `
For a cron job or a deploy script, in place of \`berth start\`. What is still under way at the end is given up.
Exit: 0 all that the file asks for runs, 1 something failed, is held or took too long, 3 another controller runs on
the data dir.`,

  plan: `
May run beside a controller. Lines begin with + for what is made, ± for what is changed, - for what is removed.
Exit: 0 nothing to do, 2 there are changes, 1 the file is wrong or something can't be seen.`,

  approve: `
commit: as \`berth plan\` names it, seven digits or more. A controller that runs deletes within BERTH_INTERVAL.
Exit: 0 released, 1 no deletion is held for this commit.`,

  validate: `
file: default BERTH_CONFIG_FILE (deployments.yaml) in the working directory. Needs no controller, engine or nginx.
Exit: 0 no errors (warnings are not), 1 every error is printed as file:line:column.`,

  reseal: `
After \`berth recipient --new\`: opens each sealed value of the file with the keys there are, and seals those that are not
for the newest. Only these values change, in one commit that is pushed where the config repo is a remote. May run beside
a controller; nothing is restarted. A work tree with the file edited and not committed is left alone.
Exit: 0 every value is sealed for the newest key, 1 some can't be opened (each is named; the others are resealed).`,

  doctor: `
Looks at engine, nginx, git, flock, ports, data dir, disk, config repo and Cloudflare, and changes nothing.
With a deployment it follows the way of a visitor instead (DNS record, tunnel route, connector, vhost, port, container,
health), names the first broken link of each hostname, and asks nginx; it may run beside a controller.
Exit: 0 all is well, 1 something has to be mended, or there is no such deployment.`,

  seal: `
deployment: or deployment/service; the service is \`web\` unless named. A sealed value opens at that place and under that
name alone. The value is taken as it is, without one line end after it; at a terminal it is one line, not shown.
  berth seal blog --name DATABASE_URL < url.txt      prints      DATABASE_URL: !sealed YWdl...
The key is the newest one of the data dir, which \`berth start\` makes, or --recipient on any other machine.
Exit: 0 sealed, 1 it could not be.`,

  recipient: `
The keys are keys/age in the data dir (keep a backup: without it no sealed value opens again), or the file that
BERTH_AGE_IDENTITY_FILE names. After --new, \`berth reseal\` brings the file's values to the new key; the others still
open.
Exit: 0 printed, 1 there is no key yet, or the file can't be used.`,
} as const;
