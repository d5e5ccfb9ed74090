/**
 * Every write to the outside world goes through one of these, under a label such as `engine.create blog-web-3f9a1c02`.
 * It is where tests count effects and plant a crash before or after each, and where a dry run stops.
 */
export type Step = <T>(label: string, effect: () => Promise<T>) => Promise<T>;

/** The step of a real run: it only runs the effect. */
export const runStep: Step = (_label, effect) => effect();
