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

  doctor: `
Looks at engine, nginx, git, flock, ports, data dir, disk and config repo, and changes nothing.
Exit: 0 all is well, 1 something has to be mended.`,
} as const;
