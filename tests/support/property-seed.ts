/**
 * Property tests draw the same inputs on every run, so that a change is judged by what it changes. To look further:
 * `FAST_CHECK_SEED=random npx vitest run --project property`, or a number to repeat one.
 */
import fc from 'fast-check';

const wanted = process.env['FAST_CHECK_SEED'] ?? '20261122';
fc.configureGlobal(wanted === 'random' ? {} : { seed: Number(wanted) });
