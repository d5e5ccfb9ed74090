/**
 * argv → one command → its exit code. Each command is a file of its own, loaded only when it is called, so that
 * `--help` is quick. Settings are read before a command that needs them does anything.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { StalledError, TransientError } from '../core/errors.ts';
import { parseDuration } from '../manifest/units.ts';
import { readSettings, type Settings } from '../settings.ts';
import { HELP } from './help.ts';
import type { Io, JsonOption } from './io.ts';

/** Another controller holds the data dir. */
const EXIT_HELD = 3;

/** Runs `args` (without node and the script) to the end. Never throws, never exits. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let code = 0;
  const program = createProgram(io, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    const isHeld = error instanceof Error && error.name === 'LockHeldError';
    const words = wordsOf(error);
    if (args.includes('--json')) {
      const code = isHeld ? 'already-running' : 'failed';
      io.print(JSON.stringify({ error: { code, message: words } }));
    } else for (const line of `berth: ${words}`.split('\n')) io.complain(line);
    return isHeld ? EXIT_HELD : 1;
  }
}

function createProgram(io: Io, end: (code: number) => void): Command {
  const program = new Command('berth')
    .description('Turns a Git repo into running websites on your own server.')
    .version(version(), '--version')
    .helpOption('--help')
    .addHelpText('after', HELP.berth)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.print(text.trimEnd()),
      writeErr: (text) => io.complain(text.trimEnd()),
    });

  /** A command that has settings; `act` gives its exit code. */
  const add = <O extends JsonOption>(
    usage: string,
    description: string,
    act: (settings: Settings, options: O, argument: string) => Promise<number>,
  ): Command =>
    program
      .command(usage)
      .description(description)
      .helpOption('--help')
      .addOption(new Option('--json', 'print JSON').default(false, 'lines'))
      .action(async (...given: unknown[]) => {
        const command = given.at(-1) as Command;
        const { settings, errors } = readSettings(io.env, io.cwd);
        const options = command.opts<O>();
        if (settings) end(await act(settings, options, command.args[0] ?? ''));
        else end(refuse(errors, options, io));
      });

  add('start', 'run the loop, the API and the admin UI until SIGTERM', async (settings, options) =>
    (await import('./start.ts')).start(settings, { ...options, io }),
  ).addHelpText('after', HELP.start);
  add<JsonOption & { timeout: number }>(
    'once',
    'make passes until nothing is left to do or wait for',
    async (settings, { json, timeout }) =>
      (await import('./once.ts')).once(settings, { json, timeoutMs: timeout, io }),
  )
    .addOption(
      new Option('--timeout <duration>', 'give up after this long')
        .argParser(durationMs)
        .default(600_000, '10m'),
    )
    .addHelpText('after', HELP.once);
  add('plan', 'print what a pass would do, and change nothing', async (settings, options) =>
    (await import('./plan.ts')).plan(settings, { ...options, io }),
  ).addHelpText('after', HELP.plan);
  add(
    'approve <commit>',
    'release the deletions that this commit is held for',
    async (settings, { json }, commit) =>
      (await import('./approve.ts')).approve(settings, { commit, json, io }),
  ).addHelpText('after', HELP.approve);
  add(
    'validate [file]',
    "check a file; made for the config repo's own CI",
    async (settings, { json }, file) =>
      (await import('./validate.ts')).validate(settings, { file, json, io }),
  ).addHelpText('after', HELP.validate);
  add(
    'reseal',
    'seal what was sealed for older keys for the newest, as one commit',
    async (settings, { json }) => (await import('./reseal.ts')).reseal(settings, { json, io }),
  ).addHelpText('after', HELP.reseal);
  add(
    'doctor [deployment]',
    'check all that a controller needs, or the way to a deployment, and say how to mend it',
    async (settings, { json }, name) =>
      name === ''
        ? (await import('./doctor.ts')).doctor(settings, { json, io })
        : (await import('./doctor-chain.ts')).doctorChain(settings, { name, json, io }),
  ).addHelpText('after', HELP.doctor);
  add<JsonOption & { name: string; recipient?: string }>(
    'seal <deployment>',
    'read a value from stdin and print it as a line that only the controller can read',
    async (settings, options, place) =>
      (await import('./seal.ts')).printSealed(settings, { ...options, place, io }),
  )
    .requiredOption('--name <KEY>', 'name of the environment variable')
    .option('--recipient <recipient>', "the controller's public recipient, where its data dir is not at hand")
    .addHelpText('after', HELP.seal);
  add<JsonOption & { new?: true }>(
    'recipient',
    'print the public recipient, which anyone may seal values for',
    async (settings, { json, new: isNew = false }) =>
      (await import('./recipient.ts')).printRecipient(settings, { json, isNew, io }),
  )
    .option('--new', 'make a new key first, which values are sealed for from now on')
    .addHelpText('after', HELP.recipient);
  program
    .command('hash-password')
    .description('read a password from stdin and print its bcrypt hash for BERTH_ADMIN_PASSWORD_HASH')
    .helpOption('--help')
    .addOption(new Option('--json', 'print JSON').default(false, 'lines'))
    .action(async (options: JsonOption) =>
      end(await (await import('./hash-password.ts')).printHash({ ...options, io })),
    );
  return program;
}

/** All settings that are wrong, before anything was started. */
function refuse(errors: readonly string[], { json }: JsonOption, io: Io): number {
  if (json)
    io.print(
      JSON.stringify({ error: { code: 'bad-settings', message: 'settings are wrong', details: errors } }),
    );
  else for (const error of errors) io.complain(`berth: ${error}`);
  return 1;
}

function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as 90s or 10m.');
  return ms;
}

/** An expected error is its sentence; a bug brings its stack. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected =
    error instanceof TransientError || error instanceof StalledError || error.name === 'LockHeldError';
  return expected ? error.message : (error.stack ?? error.message);
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version }: { version: string } = JSON.parse(text);
  return version;
}
